from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgekit import console
from edgekit.reporting import summary


def test_every_model_has_a_row_with_its_figures(run: dict[str, Any]) -> None:
    columns, rows = summary.console_table(run)
    assert columns[1] == "accuracy, n = 360"
    assert [row[0] for row in rows] == ["teacher", "student alone", "distilled", "pruned", "quantized"]
    assert dict(zip(columns, rows[3], strict=True)) == {
        "model": "pruned",
        "accuracy, n = 360": "97.5 % [95.3, 98.7]",
        "worst": "−2.8",
        "params": "10.8 K",
        "size": "48.7 KB",
        "p50 µs": "33.0",
        "p90 µs": "35.2",
        "speed-up": "12.2× [12.0, 12.4]",
        "verdict": "kept",
    }


def test_a_percentile_without_enough_samples_is_not_told(run: dict[str, Any]) -> None:
    run["stages"][0]["verdict"]["latency"]["p90_us"] = None
    assert "too few" in summary.console_table(run)[1][0]


def test_the_table_fits_a_terminal_of_120_columns(run: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    console.table(*summary.console_table(run))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 7
    assert max(map(len, lines)) <= 120


def test_below_the_table_stand_reasons_targets_the_outcome_and_where_things_lie(run: dict[str, Any]) -> None:
    lines = summary.closing_lines(run, Path("runs/digits/1a2b3c4d"))
    for verdict in (stage["verdict"] for stage in run["stages"]):
        assert any(line.startswith(verdict["label"]) and line.endswith(verdict["reason"]) for line in lines)
    assert (
        sum(line.startswith("note: ") for line in lines) == 3
    )  # one for all rows, those of the moments and the classes
    assert "target missed: speed-up 12.2×, wanted ≥ 15.0×" in lines
    assert lines[-3].startswith("The pruned model is 12.2× faster")
    assert lines[-2:] == ["bundle: runs/digits/1a2b3c4d/bundle", "report: runs/digits/1a2b3c4d/report.html"]


def test_a_run_without_verdicts_has_an_empty_table_and_no_bundle(run: dict[str, Any]) -> None:
    run |= {"status": "running", "stages": [], "kept": None, "targets": []}
    assert summary.console_table(run)[1] == []
    assert not any(line.startswith("bundle") for line in summary.closing_lines(run, Path("run")))


def test_the_terminal_table_loads_no_matplotlib() -> None:
    code = "import sys, edgekit.reporting.summary; sys.exit(bool({'matplotlib', 'jinja2', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_f1_of_two_classes_stands_below_the_table(run: dict[str, Any]) -> None:
    test = run["stages"][0]["verdict"]["test"]
    test["f1"] = {"label": "same", "value": 0.897, "low": 0.879, "high": 0.913, "n": 360}
    lines = summary.closing_lines(run, Path("run"))
    assert 'note: F1 of "same": teacher 89.7 % [87.9, 91.3]' in lines


def test_without_classes_there_is_no_column_for_them(run: dict[str, Any]) -> None:
    for stage in run["stages"]:
        stage["verdict"]["worst_class"] = None
    assert "worst" not in summary.console_table(run)[0]
    assert not any(line.startswith("note: worst") for line in summary.closing_lines(run, Path("run")))


def test_a_step_kept_against_the_budget_is_called_so(run: dict[str, Any]) -> None:
    run["stages"][4]["verdict"] |= {"decision": "kept", "anyway": True, "reason": "too slow"}
    assert summary.console_table(run)[1][4][-1] == "kept anyway"
    assert "quantized      kept anyway: too slow" in summary.closing_lines(run, Path("run"))


def test_a_metric_of_which_less_is_better_is_shown_in_its_unit(run: dict[str, Any]) -> None:
    bits = {"value": -1.93, "low": -1.95, "high": -1.905, "n": 120, "groups": 12}
    for stage in run["stages"]:
        stage["verdict"] |= {"metric": "bits per character", "unit": "bits", "sign": -1, "test": bits}
    run["targets"] = [{"name": "metric", "wanted": 2.0, "got": 1.93, "met": True}]
    columns, rows = summary.console_table(run)
    assert columns[1] == "bits per character, n = 120 of 12 groups"
    assert rows[3][1] == "1.930 bits [1.905, 1.950]"
    lines = summary.closing_lines(run, Path("run"))
    assert "note: less bits per character is better" in lines
    assert "target met: bits per character 1.930 bits, wanted ≤ 2.000 bits" in lines
    assert lines[-3].endswith("at 1.930 bits [1.905, 1.950] per character against 1.930 bits.")
