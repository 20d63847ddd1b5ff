from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit import extras
from edgekit.cli import run
from edgekit.recipe import finding

HERE = finding.shipped("recipes") / "digits.yaml"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_check_prints_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "digits", "stages.prune.epochs=77"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "is valid",
        "resnet.py depth=14",
        " 77 ",
        "quantize",
        "image: uint8[N,8,8,1]",
        "runs/digits/",
        "takes:",
    ):
        assert words in shown


def test_check_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "digits", "--quick", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["valid"] and told["missing"] == [] and told["writes"] == "runs/digits"
    assert [step["id"] for step in told["steps"]] == ["teacher", "student", "distill", "prune", "quantize"]
    assert told["steps"][0]["epochs"] < 5


def test_check_tells_how_long_the_last_run_took(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edgekit.recipe.loading import load, resolved
    from edgekit.recipe.plan import steps

    recipe = load("digits").recipe
    folder = here / "runs" / "digits" / "abcd1234"
    folder.mkdir(parents=True)
    run_json = {
        "id": folder.name,
        "status": "finished",
        "finished": "2026-01-01",
        "recipe": resolved(recipe),
        "stages": [{"id": step.id, "seconds": 10} for step in steps(recipe)],
    }
    (folder / "run.json").write_text(json.dumps(run_json), encoding="utf-8")
    assert run(["check", "digits"]) == 0
    assert "takes:   about 50 s and " in capsys.readouterr().out


def test_an_invalid_recipe_ends_with_every_fault(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = HERE.read_text(encoding="utf-8").replace("ratio: 0.5", "ratio: 3").replace("source: digits", "sorce: digits")
    (here / "mine.yaml").write_text(text, encoding="utf-8")
    assert run(["check", "mine.yaml"]) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("error: mine.yaml has 3 faults\n") and "Traceback" not in shown.err
    assert shown.out == ""
    assert run(["check", "mine.yaml", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["valid"] and len(told["faults"]) == 3
    assert told["faults"][-1]["complaint"] == "3 is not between 0 and 1"


def test_missing_packages_are_named_with_their_pip_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "missing", lambda modules: [m for m in modules if m in ("torch", "onnxruntime")])
    assert run(["check", "digits"]) == 1
    shown = capsys.readouterr()
    assert "is valid" in shown.out
    assert "error: not installed: torch, onnxruntime" in shown.err
    assert 'hint: pip install "edgekit-onnx[cpu,train]"' in shown.err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--schema"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["properties"]["stages"] and len(printed.splitlines()) > 100
    assert run(["check", "--schema", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(printed)


def test_check_without_a_recipe_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check"]) == 2
    assert "edgekit list" in capsys.readouterr().err


def test_check_loads_no_torch() -> None:
    code = "import sys; from edgekit.cli import run; run(['check', 'digits']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "edgekit.recipe.loading" in loaded
    assert not {"torch", "onnx", "onnxruntime", "sklearn"} & loaded


@pytest.mark.parametrize("verb", ["list", "copy", "check"])
def test_help_fits_a_screen_and_ends_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Example: edgekit {verb}" in shown
    assert len(shown.splitlines()) <= 24


def test_check_data_tells_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "digits", "--data"]) == 0
    shown = capsys.readouterr().out
    for words in ("examples are uint8[N,8,8,1]", "repeated", "1,078", "balance: the largest class has 1.05 times"):
        assert words in shown
    assert run(["check", "digits", "--data", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["data"]
    assert told["splits"]["test"] == {"examples": 359, "unlabelled": 0, "groups": None, "repeated": 0}
    assert told["both"] == {"train/validation": 0, "train/test": 0, "validation/test": 0}
    assert told["labels"]["3"] == {"train": 110, "validation": 36, "test": 37}


def test_check_data_tells_that_groups_are_not_kept_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{i % 7}.{i},{i % 2},p{i % 5}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,label,who", *rows]))
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntask: classification\n"
        "data: {source: t.csv, columns: {features: [a], label: label, group: who}}\n"
        "student: {model: linear.py, train: {epochs: 1}}\nstages: {quantize: {}}\n"
        'export: {input: "x: float32[N,1]"}\n'
    )
    monkeypatch.chdir(tmp_path)
    assert run(["check", "mine.yaml", "--data"]) == 0
    shown = capsys.readouterr().out
    assert 'examples of one "who" may fall into several splits; data.split.by: group keeps them together' in shown
    assert run(["check", "mine.yaml", "--data", "data.split.by=group"]) == 0
    assert "may fall into several splits" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((7,), "there is one class alone"),
        ((7, 7), "every class has as many"),
        ((8, 4), "has 2 times the smallest's"),
        ((8, 4, 0), 'train has no example of 1 of 3 classes: "c2"'),
        ((8, *[0] * 7), 'train has no example of 7 of 8 classes: "c1", "c2", "c3", "c4", "c5", ...'),
    ],
    ids=["one", "even", "uneven", "without a class", "without many"],
)
def test_the_balance_is_said_in_words(counts: tuple[int, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    from edgekit.commands import data_table

    splits = {"train": {"examples": 9, "groups": None, "unlabelled": 0, "repeated": 1}}
    labels = {f"c{at}": {"train": count} for at, count in enumerate(counts)}
    summary = {"inputs": "float32[N,1]", "splits": splits, "labels": labels, "numbers": None, "tokens": None}
    data_table.show({**summary, "counted": 1, "both": {"train/test": 1}})
    shown = capsys.readouterr().out
    assert said in shown and "1 example of train equals some of test" in shown
