from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit import cli

TEACHER: dict[str, Any] = {
    "stage": "teacher", "label": "teacher", "decision": "reference", "reason": "what the others are judged against",
    "incumbent": None, "parameters": 1000, "macs": 2000, "bytes": 4000, "metric": "accuracy",
    "test": {"value": 0.9, "low": 0.85, "high": 0.93, "n": 200}, "change": None,
    "latency": {
        "p50_us": 20.0, "p50_low_us": 19.0, "p50_high_us": 21.0, "p90_us": 24.0, "n": 500, "device": "cpu",
        "threads": 1, "batch": 1,
    },
    "speedup": None, "speedup_over_teacher": None, "parity": None,
}  # fmt: skip
RUN: dict[str, Any] = {
    "schema": 1, "name": "tiny", "id": "abcd", "status": "running", "created": "2026-03-14T09:26:53+00:00",
    "recipe": {"teacher": {}, "student": {"baseline": False}, "stages": {"distill": {}}}, "recipe_file": "tiny.yaml",
    "seed": 0, "versions": {"edgekit": "0.1.0"}, "machine": {"cpu": "a processor"},
    "stages": [{"id": "teacher", "verdict": TEACHER}],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An unfinished run of the recipe "tiny" under the working folder's runs/."""
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/tiny/abcd")
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(RUN))
    return folder


def test_a_recipes_name_gets_its_newest_page_and_says_where(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "tiny"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "report: runs/tiny/abcd/report.html\n"
    assert "a processor" in (folder / "report.html").read_text()


def test_of_an_unfinished_run_it_says_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", str(folder)]) == 0
    assert "run abcd is unfinished; still to come: distill" in capsys.readouterr().err


def test_json_is_one_document_on_the_last_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "tiny", "--png", "tiny.png", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "report": "runs/tiny/abcd/report.html",
        "png": "tiny.png",
        "status": "running",
        "missing": ["distill"],
        "kept": None,
    }
    assert Path("tiny.png").read_bytes().startswith(b"\x89PNG")


def test_an_unknown_run_is_an_error_with_the_nearest_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "tyni"]) == 1
    assert capsys.readouterr().err == (
        'error: there is no run "tyni", neither as a folder nor under "runs"\nhint: did you mean "tiny"?\n'
    )


def test_a_damaged_record_is_an_error_and_no_traceback(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "run.json").write_text('{"schema": 1, ')
    assert cli.run(["report", "tiny"]) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: "runs/tiny/abcd/run.json" cannot be read')
    assert "Traceback" not in error


def test_a_picture_of_an_unknown_kind_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "tiny", "--png", "tiny.gif"]) == 2
    assert '"tiny.gif"' in capsys.readouterr().err
    assert not Path("tiny.gif").exists()


def test_layers_are_printed_where_a_step_compressed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "tiny", "--layers"]) == 0
    assert "no step of this run pruned or quantized a model" in capsys.readouterr().out
    timed = {"layer": "head", "nodes": ["n"], "before_us": 9.0, "after_us": 4.5, "int8": True}
    quantized = TEACHER | {"stage": "quantize", "label": "quantized", "incumbent": "teacher", "layers": [timed, timed]}
    stages = [*RUN["stages"], {"id": "quantize", "verdict": quantized, "said": {"sensitivity": {"n": 0.25}}}]
    (folder / "run.json").write_text(json.dumps(RUN | {"stages": stages}))
    assert cli.run(["report", "tiny", "--layers"]) == 0
    shown = capsys.readouterr().out
    assert "quantized beside teacher, layer by layer" in shown and "2.00×" in shown and "2.5e-01" in shown
    assert "Layer by layer" in (folder / "report.html").read_text()
    assert cli.run(["report", "tiny", "--layers", "--json"]) == 0
    (step,) = json.loads(capsys.readouterr().out.splitlines()[-1])["layers"]
    assert step["rows"][0]["form"] == "8 bits"
