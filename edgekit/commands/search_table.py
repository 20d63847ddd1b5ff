"""The end of a search on a terminal: its front as a table, the chosen points with why, and where things lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit import console
from edgekit.reporting import search_page, search_record, search_tables, wording
from edgekit.reporting import search_wording as words


def show(record: Mapping[str, Any], folder: Path) -> None:
    """Print what came of a search, from the values of its search.json; `folder` is its own, as it was named."""
    columns, rows = table(record)
    if rows:
        console.table(columns, rows, left=3)
    for line in closing_lines(record, folder):
        console.answer(line)


def table(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return columns and rows for `edgekit.console.table`: a row for each point of the front, the fastest first."""
    search = search_record.parse(record, search_record.FILE)
    rows = search_tables.front(search)
    speedups = any(row["speedup"] for row in rows)
    n = next((trial.n for trial in search.drawn if trial.n), search.data.get("validation"))
    columns = ["trial", "", "settings", f"{search.metric.name}{wording.examples(n)}", f"p50 {words.unit(search).name}"]
    columns += ["speed-up"] if speedups else []
    columns += ["size", "params"]
    return columns, [_row(row, speedups) for row in rows]


def _row(row: Mapping[str, Any], speedups: bool) -> list[str]:
    marks = [row["chosen"], "the recipe" if row["own"] else ""]
    return [
        str(row["number"]),
        ", ".join(filter(None, marks)),
        ", ".join(row["settings"]),
        f"{row['metric']} {row['interval']}".rstrip(),
        row["p50"],
        *([f"{row['speedup']} {row['speedup_interval']}".rstrip()] if speedups else []),
        row["bytes"],
        row["parameters"],
    ]


def closing_lines(record: Mapping[str, Any], folder: Path) -> list[str]:
    """Return the lines after the table: what became of the trials, every chosen point with why and where, the page."""
    search = search_record.parse(record, search_record.FILE)
    lines = [f"{words.trials(len(search.trials))}: {words.outcomes(search)}"]
    if limits := words.limits(search):
        lines.append(f"limits: {', '.join(limits)}")
    if shared := search_tables.shared(search):
        lines.append(f"note: all of the front share {', '.join(shared)}")
    if way := wording.direction(search.shown):
        lines.append(f"note: {way}")
    if search.on_front():
        lines.append("note: the same validation examples chose the points, so their figures are optimistic")
    for point in search_tables.chosen(search, folder):
        lines += ["", f"{point['name']} (trial {point['number']}): {point['reason']}"]
        lines += [f"  bundle: {folder / point['bundle']}"] if point["bundle"] else []
        lines += [f"  at full length: {point['command']}"] if point["command"] else []
    lines += ["", f"{words.headline(search)}."]
    if search.status != "finished":
        lines.append(f"it goes on with: {words.again(search)}")
    if (folder / search_page.FILE).is_file():
        lines.append(f"report: {folder / search_page.FILE}")
    return lines
