"""What `edgekit distill` prints and how it ends; what a run does is tested in test_workflow."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgekit import cli, extras
from edgekit.errors import UsageError
from edgekit.recipe.schema import Budget

STAGES = ["teacher", "student", "distill", "prune", "quantize"]


class Finished(NamedTuple):
    """A recipe, the folder of its finished run, and what the run printed with --json."""

    recipe: Path
    runs: Path
    run: Path
    out: str
    err: str


_MADE: list[Finished] = []


@pytest.fixture
def finished(
    tiny: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> Finished:
    """A whole run, made once for all tests of this file; each gets a copy of its own."""
    if not _MADE:
        kept = tmp_path_factory.mktemp("finished")
        code = cli.run(["distill", str(tiny), "--runs", str(kept), "--json"])
        shown = capsys.readouterr()
        assert code == 0, shown.err
        _MADE.append(Finished(tiny, kept, next(kept.glob("tiny/*")), shown.out, shown.err))
    made = _MADE[0]
    runs = tmp_path / "runs"
    shutil.copytree(made.runs, runs)
    return Finished(tiny, runs, runs / "tiny" / made.run.name, made.out, made.err)


def distill(finished: Finished, *arguments: str) -> int:
    return cli.run(["distill", str(finished.recipe), "--runs", str(finished.runs), *arguments])


def record(run: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((run / "run.json").read_text())
    return said


def test_json_is_one_document_on_one_line_of_stdout_and_the_news_is_on_stderr(finished: Finished) -> None:
    (line,) = finished.out.splitlines()
    said = json.loads(line)
    assert said == record(finished.run)
    assert [stage["id"] for stage in said["stages"]] == STAGES
    assert (said["status"], said["bundle"], said["report"]) == ("finished", "bundle", "report.html")
    for news in ("loading PyTorch and the data", "154 train, 38 validation, 48 test", "quantize: kept: "):
        assert news in finished.err


def test_for_people_there_is_a_row_and_a_reason_for_each_model_and_where_things_lie(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distill(finished) == 0
    lines = capsys.readouterr().out.splitlines()
    for label in ("teacher", "student alone", "distilled", "pruned", "quantized"):
        row, reason = (line for line in lines if line.strip().startswith(label))
        assert row.endswith("reference " if label == "teacher" else "kept ")
        assert "reference: " in reason or "kept: " in reason
    assert "note: the judge sees little: n = 38" in lines
    assert lines[-2:] == [f"bundle: {finished.run / 'bundle'}", f"report: {finished.run / 'report.html'}"]
    assert (finished.run / "report.html").is_file()


def test_started_again_it_says_what_was_finished_and_ends_the_same(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distill(finished, "--json") == 0
    shown = capsys.readouterr()
    assert [f"{stage}: finished before, in" in shown.err for stage in STAGES] == [True] * 5
    assert json.loads(shown.out)["stages"] == json.loads(finished.out)["stages"]


def test_a_dry_run_names_stages_and_folder_and_writes_nothing(
    finished: Finished, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    arguments = ["distill", str(finished.recipe), "--runs", str(other), "--until", "distill", "--dry-run"]
    assert cli.run([*arguments, "--json"]) == 0
    said = {"run": str(other / "tiny" / finished.run.name), "stages": ["teacher", "student", "distill"]}
    assert json.loads(capsys.readouterr().out) == said
    assert cli.run(arguments) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"stages: teacher, student, distill; run folder: {said['run']}" in shown.err
    assert not other.exists()


def test_until_makes_nothing_after_that_stage(finished: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    for stage in ("distill", "prune", "quantize"):
        shutil.rmtree(finished.run / stage)
    assert distill(finished, "--until", "student", "--json") == 0
    assert [stage["id"] for stage in json.loads(capsys.readouterr().out)["stages"]] == ["teacher", "student"]


def test_until_loses_nothing_of_a_run_that_went_further(finished: Finished, capsys: pytest.CaptureFixture[str]) -> None:
    assert distill(finished, "--until", "student", "--json") == 0
    again, before = json.loads(capsys.readouterr().out), json.loads(finished.out)
    assert (again["stages"], again["kept"]) == (before["stages"], before["kept"])


def test_until_an_unknown_stage_is_wrong_usage_that_names_the_stages(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    before = record(finished.run)
    assert distill(finished, "--until", "prnue") == 2
    assert capsys.readouterr().err.endswith(
        'error: there is no stage "prnue" to stop after\nhint: one of teacher, student, distill, prune, quantize\n'
    )
    assert record(finished.run) == before


def test_missed_targets_end_with_3_and_everything_is_written(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distill(finished, "targets.bytes=5", "targets.accuracy=0.1", "--json") == 3
    shown = capsys.readouterr()
    said = json.loads(shown.out)
    run = finished.runs / "tiny" / said["id"]
    assert run != finished.run
    assert shown.err.endswith(
        f'error: the recipe\'s targets were missed: bytes\nhint: everything was written to "{run}"\n'
    )
    assert {target["name"]: target["met"] for target in said["targets"]} == {"accuracy": True, "bytes": False}
    assert record(run) == said
    assert [path.name for path in (run / "bundle", run / "report.html") if path.exists()] == ["bundle", "report.html"]
    assert distill(finished, "targets.bytes=5", "targets.accuracy=0.1") == 3
    assert "target missed: file size" in capsys.readouterr().out


def test_what_the_judge_would_undo_stays_where_it_is_told_to_and_everything_says_so(
    finished: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    assert distill(finished, "budget.max_bytes=5", "--keep-anyway", "--until", "distill", "--json") == 0
    shown = capsys.readouterr()
    said = json.loads(shown.out)
    assert "distill: kept anyway: " in shown.err and "distill: finished before" in shown.err
    verdict = next(stage["verdict"] for stage in said["stages"] if stage["id"] == "distill")
    assert (verdict["decision"], verdict["anyway"]) == ("kept", True)
    assert said["recipe"]["budget"]["keep_anyway"] is True
    run = finished.runs / "tiny" / said["id"]
    card = json.loads((run / "bundle" / "manifest.json").read_text())
    told = next(stage for stage in card["provenance"]["stages"] if stage["id"] == "distill")
    assert told["anyway"] is True and "where 5 are allowed" in told["reason"]
    assert "Kept against the budget" in (run / "report.html").read_text()


def test_a_limit_on_classes_is_refused_where_classes_are_not_known() -> None:
    from edgekit.workflow.running import check_budgets

    with pytest.raises(UsageError, match='"max_class_drop_points" is set, and "r2" is not told by class'):
        check_budgets("r2", None, [Budget(), Budget(max_class_drop_points=1)])
    check_budgets("accuracy", np.zeros(3, int), [Budget(max_class_drop_points=1)])


def test_what_is_not_installed_is_told_before_anything_is_loaded(
    finished: Finished, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "missing", lambda modules: [name for name in modules if name == "torch_pruning"])
    assert distill(finished) == 1
    assert capsys.readouterr().err == ('error: not installed: torch_pruning\nhint: pip install "edgekit-onnx[train]"\n')


def test_ctrl_c_says_that_the_run_is_kept_and_the_same_command_goes_on(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["distill", str(tiny), "teacher.train.epochs=100", "--until", "teacher", "--runs", str(tmp_path)]
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "edgekit", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in a shell's background, interrupts are ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (found := list(tmp_path.glob("tiny/*/teacher/checkpoint.pt"))) and child.poll() is None:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate()
    run = found[0].parent.parent
    assert (child.returncode, out) == (130, "")
    assert err.endswith(f'stopped; the run is kept in "{run}", and the same command goes on with it\n')
    assert "Traceback" not in err
    assert cli.run(arguments) == 0
    assert "teacher: going on after epoch" in capsys.readouterr().err
