from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import DataError
from edgekit.reporting import record

Save = Callable[[dict[str, Any]], Path]


def test_a_finished_run_misses_nothing(run: dict[str, Any]) -> None:
    told = record.parse(run, "run.json")
    assert told.missing == []
    assert told.shipped is told.verdict("prune")
    assert [verdict.label for verdict in told.verdicts] == [
        "teacher",
        "student alone",
        "distilled",
        "pruned",
        "quantized",
    ]


def test_an_unfinished_run_knows_what_is_still_to_come(run: dict[str, Any]) -> None:
    run |= {"status": "running", "kept": None, "stages": run["stages"][:2]}
    run["stages"][1]["verdict"] = None
    assert record.parse(run, "run.json").missing == ["student", "distill", "prune", "quantize"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"schema": 1, "na', "cannot be read"),
        ("[]", 'has no "schema"'),
        ('{"schema": 7}', "has run schema 7; this edgekit reads up to 1"),
        ('{"schema": 1, "name": "digits"}', "is damaged: id: field required"),
    ],
    ids=["cut short", "no object", "newer", "incomplete"],
)
def test_a_damaged_record_is_refused_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=complaint) as caught:
        record.read(tmp_path)
    assert str(tmp_path / "run.json") in str(caught.value)
    assert caught.value.hint


def test_a_wrong_figure_is_named_by_its_place(run: dict[str, Any], save: Save) -> None:
    run["stages"][2]["verdict"]["latency"]["p50_us"] = "fast"
    with pytest.raises(DataError, match=r"stages\.2\.verdict\.latency\.p50_us"):
        record.read(save(run))


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a run"):
        record.read(tmp_path)


def test_a_history_survives_a_kill_in_the_middle_of_a_line(run: dict[str, Any], save: Save) -> None:
    folder = save(run)
    lines = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.5}, {"epoch": 2, "loss": 1.0}, {"epoch": 3, "loss": 0.5}]
    text = "\n".join(json.dumps(line) for line in lines)
    (folder / "teacher/history.jsonl").write_text(text[:-6])
    epochs = record.history(folder, record.read(folder).stages[0])
    assert [(epoch.epoch, epoch.loss) for epoch in epochs] == [(1, 2.0), (2, 1.0)]


def test_a_stage_without_a_training_has_no_history(run: dict[str, Any], save: Save) -> None:
    folder = save(run)
    assert record.history(folder, record.read(folder).stages[4]) == []
