from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit.cli import run
from edgekit.recipe import finding
from edgekit.recipe.loading import load, resolve_model


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", [path.stem for path in finding.available()])
def test_what_is_copied_validates_and_uses_the_copied_model(name: str, here: Path) -> None:
    assert run(["copy", name, "mine"]) == 0
    loaded = load(f"mine/{name}.yaml")
    assert loaded.recipe == load(name).recipe
    for model in {each.model for each in (loaded.recipe.student, loaded.recipe.teacher) if each and each.model}:
        assert resolve_model(loaded, model).resolve() == here / "mine" / model


def test_copy_says_what_is_code_and_what_to_type_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["copy", "digits"]) == 0
    shown = capsys.readouterr()
    assert "resnet.py  copied  (this is code" in shown.out
    assert "next: edgekit check digits.yaml, then edgekit distill digits.yaml" in shown.err


def test_a_changed_file_is_not_overwritten_without_force(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["copy", "digits"]) == 0
    (here / "resnet.py").write_text("mine = 1\n", encoding="utf-8")
    (here / "digits.yaml").unlink()
    assert run(["copy", "digits"]) == 1
    assert 'error: "resnet.py" is there already' in capsys.readouterr().err
    assert not (here / "digits.yaml").exists()
    assert (here / "resnet.py").read_text(encoding="utf-8") == "mine = 1\n"
    assert run(["copy", "digits", "--force"]) == 0
    assert "def build" in (here / "resnet.py").read_text(encoding="utf-8")


def test_two_recipes_share_the_model_file_they_both_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["copy", "digits"]) == 0
    capsys.readouterr()
    assert run(["copy", "fashion-mnist", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["copied"] == ["fashion-mnist.yaml", "weights/fashion-mnist-teacher.safetensors"] and told[
        "unchanged"
    ] == ["resnet.py"]


def test_a_dry_run_copies_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["copy", "digits", "mine", "--dry-run"]) == 0
    assert "would be copied" in capsys.readouterr().out
    assert list(here.iterdir()) == []


def test_weights_travel_with_the_recipe(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = {kind: tmp_path / kind for kind in ("recipes", "models")}
    (shelf["models"] / "weights").mkdir(parents=True)
    shelf["recipes"].mkdir()
    text = (finding.shipped("recipes") / "digits.yaml").read_text(encoding="utf-8")
    named = "teacher:\n  weights: {file: weights/t.safetensors}"
    (shelf["recipes"] / "digits.yaml").write_text(text.replace("teacher:", named, 1), encoding="utf-8")
    (shelf["models"] / "resnet.py").write_text("def build(): ...\n", encoding="utf-8")
    (shelf["models"] / "weights" / "t.safetensors").write_bytes(b"w")
    monkeypatch.setattr(finding, "shipped", shelf.__getitem__)
    assert run(["copy", "digits"]) == 0
    assert (here / "weights" / "t.safetensors").read_bytes() == b"w"


REFUSED = {
    "an unknown name": (["copy", "digts"], 1, 'did you mean "digits"?'),
    "a file of one's own": (["copy", "./digits.yaml"], 2, "is a file of yours"),
    "a file for a folder": (["copy", "digits", "x.yaml"], 2, "is not a folder"),
}


@pytest.mark.parametrize(("words", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_copied_is_told(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == code
    assert said in capsys.readouterr().err
