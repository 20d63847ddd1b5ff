"""The end of a run on a terminal: one table, a reason for every row, and where things lie. No matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.console import number, size
from edgekit.reporting import wording
from edgekit.reporting.record import FILE, Verdict, parse


def console_table(run: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return columns and rows for `edgekit.console.table`, from the values of a run.json: a row for every verdict."""
    verdicts = parse(run, FILE).verdicts
    unit = wording.unit(verdicts)
    metric = verdicts[0].shown.title if verdicts else "metric"
    n = wording.examples(verdicts[0].test.n, verdicts[0].test.groups) if verdicts else ""
    columns = ["model", f"{metric}{n}"]
    classes = any(verdict.worst_class for verdict in verdicts)
    columns += ["worst"] if classes else []  # MACs stand on the page: a terminal is narrow
    columns += ["params", "size", f"p50 {unit.name}", f"p90 {unit.name}", "speed-up", "verdict"]
    return columns, [_row(verdict, unit, classes) for verdict in verdicts]


def _row(verdict: Verdict, unit: wording.Unit, classes: bool) -> list[str]:
    latency, speedup = verdict.latency, verdict.speedup_over_teacher
    return [
        verdict.label,
        wording.scored(verdict),
        *([wording.worst(verdict)[0]] if classes else []),
        number(verdict.parameters),
        size(verdict.bytes),
        unit(latency.p50_us),
        "too few" if latency.p90_us is None else unit(latency.p90_us),
        wording.speedup(speedup) if speedup else "",
        verdict.word,
    ]


def closing_lines(run: dict[str, Any], folder: Path) -> list[str]:
    """Return the lines after the table: every row's reason, targets, the model that was kept, bundle and report."""
    told = parse(run, FILE)
    width = max((len(verdict.label) for verdict in told.verdicts), default=0)
    lines = [f"{verdict.label:<{width}}  {verdict.word}: {verdict.reason}" for verdict in told.verdicts]
    notes = dict.fromkeys(note for verdict in told.verdicts for note in verdict.notes)
    lines += [f"note: {note}" for note in notes]
    if len(told.verdicts) > 1:
        lines.append(f"note: {wording.MOMENTS}")
    if told.verdicts and (way := wording.direction(told.verdicts[0].shown)):
        lines.append(f"note: {way}")
    if any(verdict.worst_class for verdict in told.verdicts):
        lines.append(f"note: {wording.WORST}")
    scored = [verdict for verdict in told.verdicts if verdict.test.f1]
    if scored and (first := scored[0].test.f1):
        found = ", ".join(f"{verdict.label} {wording.f1(verdict)}" for verdict in scored)
        lines.append(f'note: F1 of "{first.label}": {found}')
    for target in told.targets:
        name, wanted, got = wording.target(target, told.metric)
        lines.append(f"target {'met' if target.met else 'missed'}: {name} {got}, wanted {wanted}")
    lines += ["", wording.headline(told)]
    if told.bundle and told.shipped:
        lines.append(f"bundle: {folder / told.bundle}")
    if told.report:
        lines.append(f"report: {folder / told.report}")
    return lines
