from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgekit.errors import DataError
from edgekit.reporting.finding import find, is_search


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


def test_a_recipes_name_means_a_run_and_not_a_newer_search(runs: Path) -> None:
    search = runs / "runs/digits/search-0a1b2c3d"
    (search / "trials/0a1b2c3d").mkdir(parents=True)
    for record in (search / "search.json", search / "trials/0a1b2c3d/run.json"):
        record.write_text("{}")
        os.utime(record, (3000, 3000))
    assert find("digits") == Path("runs/digits/new")
    assert find("runs/digits/search-0a1b2c3d") == Path("runs/digits/search-0a1b2c3d")
    assert is_search(search) and not is_search(runs / "runs/digits/new")


def test_a_recipe_that_was_only_searched_means_its_newest_search(runs: Path) -> None:
    for identity, moment in (("search-00000001", 2000), ("search-00000002", 1000)):
        path = runs / "runs/clothes" / identity / "search.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        os.utime(path, (moment, moment))
    assert find("clothes") == Path("runs/clothes/search-00000001")
    with pytest.raises(DataError) as caught:
        find("cloth")
    assert caught.value.hint == 'did you mean "clothes"?'
