from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgekit.cli import run
from edgekit.recipe import finding


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_list_shows_every_shipped_recipe_and_model_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list"]) == 0
    shown = capsys.readouterr().out
    for path in (*finding.available(), *finding.model_files()):
        assert path.stem in shown
    assert "distill, prune, quantize" in shown
    assert "in this folder" not in shown


def test_list_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert [recipe["name"] for recipe in told["recipes"]] == [path.stem for path in finding.available()]
    assert all(recipe["valid"] and recipe["about"] and "edgekit" not in recipe["about"] for recipe in told["recipes"])
    assert "resnet.py" in [model["name"] for model in told["models"]]
    assert told["own"] == []


def test_list_shows_the_users_own_recipes_valid_or_not(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (finding.shipped("recipes") / "digits.yaml").read_text(encoding="utf-8")
    (here / "mine.yaml").write_text(text, encoding="utf-8")
    (here / "broken.yaml").write_text(text.replace("ratio: 0.5", "ratio: 3"), encoding="utf-8")
    (here / "compose.yaml").write_text("services: {}\n", encoding="utf-8")
    (here / "odd.yaml").write_text("[: :", encoding="utf-8")
    assert run(["list", "--json"]) == 0
    own = json.loads(capsys.readouterr().out)["own"]
    assert [(recipe["name"], recipe["valid"]) for recipe in own] == [("broken.yaml", False), ("mine.yaml", True)]
    assert run(["list"]) == 0
    assert "edgekit check broken.yaml says why" in capsys.readouterr().out
