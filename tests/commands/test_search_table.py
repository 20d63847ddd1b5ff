from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit import cli
from edgekit.commands import search_table

FIGURES = {"metric_low": 91.4, "metric_high": 92.6, "n": 6000, "bytes": 81234, "parameters": 78000, "kept": "prune"}


@pytest.fixture
def record() -> dict[str, Any]:
    """A search of three trials: the recipe as it stands, a faster one that was chosen, and one that was stopped."""
    trials = [
        {"number": 0, "state": "complete", "own": True, "overrides": {"student.args.width": 16}, "metric": 92.4,
         "p50_ms": 0.2, "speedup": 10.0, "speedup_low": 9.8, "speedup_high": 10.1, **FIGURES},
        {"number": 1, "state": "complete", "overrides": {"student.args.width": 8}, "metric": 92.0,
         "p50_ms": 0.1, "speedup": 20.0, "speedup_low": 19.8, "speedup_high": 20.1, **FIGURES},
        {"number": 2, "state": "stopped", "overrides": {"student.args.width": 4}, "rung_scores": {"1": 70.0}},
    ]  # fmt: skip
    chosen = {"name": "fastest", "trial": 1, "why": "the fastest of all", "recipe": "points/fastest.yaml",
              "bundle": "points/fastest"}  # fmt: skip
    return {
        "schema": 1, "name": "tiny", "id": "search-ab12cd34", "status": "finished", "recipe_file": "tiny.yaml",
        "trials_asked": 3, "metric": {"name": "accuracy", "unit": "%", "sign": 1}, "limits": {"p50_ms": 0.5},
        "space": {"student.args.width": [4, 8, 16]}, "teacher": {"metric": 94.0, "p50_ms": 2.0, "bytes": 10**6},
        "trials": trials, "front": [1, 0], "chosen": [chosen],
    }  # fmt: skip


def test_the_table_has_a_row_for_each_point_of_the_front(record: dict[str, Any]) -> None:
    columns, rows = search_table.table(record)
    assert columns == ["trial", "", "settings", "accuracy, n = 6,000", "p50 µs", "speed-up", "size", "params"]
    assert rows == [
        ["1", "fastest", "width 8", "92.0 % [91.4, 92.6]", "100", "20.0× [19.8, 20.1]", "81.2 KB", "78.0 K"],
        ["0", "the recipe", "width 16", "92.4 % [91.4, 92.6]", "200", "10.0× [9.8, 10.1]", "81.2 KB", "78.0 K"],
    ]


def test_without_a_teacher_there_is_no_speed_up(record: dict[str, Any]) -> None:
    for trial in record["trials"]:
        trial["speedup"] = None
    columns, rows = search_table.table(record)
    assert "speed-up" not in columns
    assert len(rows[0]) == len(columns)


def test_the_closing_lines_say_why_and_where(record: dict[str, Any], tmp_path: Path) -> None:
    assert search_table.closing_lines(record, Path("runs/tiny/search-ab12cd34")) == [
        "3 trials: 2 complete, 1 stopped early (1 after 1 epoch)",
        "limits: p50 ≤ 500 µs",
        "note: the same validation examples chose the points, so their figures are optimistic",
        "",
        "fastest (trial 1): the fastest of all",
        "  bundle: runs/tiny/search-ab12cd34/points/fastest",
        "  at full length: edgekit distill runs/tiny/search-ab12cd34/points/fastest.yaml",
        "",
        "3 trials: 92.0 % in 100 µs is the best found; the recipe as it stands has 92.4 % in 200 µs.",
    ]
    (tmp_path / "search.html").touch()
    assert search_table.closing_lines(record, tmp_path)[-1] == f"report: {tmp_path / 'search.html'}"


def test_one_that_was_stopped_says_how_it_goes_on(record: dict[str, Any]) -> None:
    lines = search_table.closing_lines(
        record | {"status": "stopped", "command": "edgekit search tiny.yaml --trials 3"}, Path("x")
    )
    assert lines[-1] == "it goes on with: edgekit search tiny.yaml --trials 3"


def test_where_nothing_is_on_the_front_no_table_is_printed(
    record: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    search_table.show(record, Path("x"))
    assert "20.0× [19.8, 20.1]" in capsys.readouterr().out
    search_table.show(record | {"front": [], "chosen": []}, Path("x"))
    shown = capsys.readouterr().out
    assert "settings" not in shown
    assert "Of 3 trials none meets the limit." in shown


@pytest.fixture
def folder(record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of that search, where `edgekit search` leaves it."""
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/tiny/search-ab12cd34")
    folder.mkdir(parents=True)
    (folder / "search.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("name", ["runs/tiny/search-ab12cd34", "tiny"])
def test_report_makes_a_searchs_page_anew(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", name, "--png", "tiny.png"]) == 0
    assert capsys.readouterr().out == f"report: {folder / 'search.html'}\npicture: tiny.png\n"
    assert Path("tiny.png").read_bytes().startswith(b"\x89PNG")


def test_report_tells_a_search_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["report"] == str(folder / "search.html")
    assert said["front"] == [1, 0]
    assert said["chosen"][0]["name"] == "fastest"


def test_a_search_has_no_layers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", str(folder), "--layers"]) == 2
    assert "name the folder of one of its trials" in capsys.readouterr().err
