from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgekit.errors import DataError
from edgekit.reporting.finding import find


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an old and a new run of digits, and a folder that is no run."""
    monkeypatch.chdir(tmp_path)
    for identity, moment in (("new", 2000), ("old", 1000)):
        path = tmp_path / "runs/digits" / identity / "run.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        os.utime(path, (moment, moment))
    (tmp_path / "runs/digits/begun").mkdir()
    return tmp_path


def test_a_recipes_name_means_its_newest_run(runs: Path) -> None:
    assert find("digits") == Path("runs/digits/new")


def test_a_run_can_be_named_by_its_folder(runs: Path) -> None:
    assert find("runs/digits/old") == Path("runs/digits/old")
    assert find(str(runs / "runs/digits/old")) == runs / "runs/digits/old"


def test_a_misspelt_name_gets_the_nearest(runs: Path) -> None:
    with pytest.raises(DataError, match='no run "digit"') as caught:
        find("digit")
    assert caught.value.hint == 'did you mean "digits"?'


def test_where_nothing_was_run_the_hint_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        find("digits")
    assert caught.value.hint == "edgekit distill RECIPE makes one"
