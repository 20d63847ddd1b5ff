from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import DataError
from edgekit.reporting import search_record
from edgekit.reporting.search_record import parse


def test_the_front_and_the_chosen_stand_the_fastest_first(found: dict[str, Any]) -> None:
    search = parse(found | {"front": [1, 2, 3]}, "here")
    assert [trial.number for trial in search.on_front()] == [3, 2, 1]
    assert [point.name for point, _ in search.chosen_trials()] == ["fastest", "most-accurate"]


def test_what_has_no_figures_is_neither_drawn_nor_chosen(found: dict[str, Any]) -> None:
    found["chosen"].append({"name": "odd", "trial": 5, "why": ""})
    search = parse(found | {"front": [1, 5, 77]}, "here")
    assert [trial.number for trial in search.on_front()] == [1]
    assert [trial.number for trial in search.drawn] == [0, 1, 2, 3, 4]
    assert len(search.chosen_trials()) == 2


def test_the_last_rung_is_that_of_most_epochs(found: dict[str, Any]) -> None:
    found["trials"][0]["rung_scores"] = {"9": 1.0, "27": 2.0, "3": 0.0, "odd": 5.0}
    search = parse(found, "here")
    assert search.trials[0].last_rung == (27, 2.0)
    assert search.trials[7].last_rung is None


def test_what_a_newer_writer_adds_is_passed_over(found: dict[str, Any]) -> None:
    found["trials"][0]["mood"] = "good"
    assert parse(found | {"weather": "fair"}, "here").own is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "cannot be read", id="cut short"),
        pytest.param("[]", "not the record of a search", id="another document"),
        pytest.param('{"schema": 2}', "search schema 2", id="of a newer edgekit"),
        pytest.param('{"schema": 1, "name": "x", "id": "y"}', "is damaged: metric", id="a field is missing"),
        pytest.param(
            '{"schema": 1, "name": "x", "id": "y", "metric": {"name": "m"},'
            ' "trials": [{"number": 0, "state": "complete", "p50_ms": 0}]}',
            "is damaged: trials.0.p50_ms", id="no time at all",
        ),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_used_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "search.json").write_text(text)
    with pytest.raises(DataError, match=words):
        search_record.read(tmp_path)


def test_a_folder_without_a_record_is_no_search(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a search"):
        search_record.read(tmp_path)


def test_a_record_is_read_from_its_folder(tmp_path: Path, found: dict[str, Any]) -> None:
    (tmp_path / "search.json").write_text(json.dumps(found))
    assert search_record.read(tmp_path).id == "search-ab12cd34"
