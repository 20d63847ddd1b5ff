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
        "params": "10.8 K",
        "MACs": "171.0 K",
        "size": "48.7 KB",
        "p50 µs": "33.0",
        "p90 µs": "35.2",
        "speed-up": "12.2× [12.0, 12.4]",
        "verdict": "kept",
    }


def test_a_percentile_without_enough_samples_is_not_told(run: dict[str, Any]) -> None:
    run["stages"][0]["verdict"]["latency"]["p90_us"] = None
    assert summary.console_table(run)[1][0][6] == "too few"


def test_the_table_fits_a_terminal_of_120_columns(run: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    console.table(*summary.console_table(run))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 7
    assert max(map(len, lines)) <= 120


def test_below_the_table_stand_reasons_targets_the_outcome_and_where_things_lie(run: dict[str, Any]) -> None:
    lines = summary.closing_lines(run, Path("runs/digits/1a2b3c4d"))
    for verdict in (stage["verdict"] for stage in run["stages"]):
        assert any(line.startswith(verdict["label"]) and line.endswith(verdict["reason"]) for line in lines)
    assert sum(line.startswith("note: ") for line in lines) == 2  # one for all rows, and that of the moments
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
