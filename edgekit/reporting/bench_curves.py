"""The lines of a measurement's page: latency by percentile, and what batch and threads do to it. As SVG.

A percentile curve ends where the samples end that allow to tell it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from edgekit import statistics
from edgekit.latency.record import Entry
from edgekit.latency.standing import Row, Standing
from edgekit.reporting import bench_wording
from edgekit.reporting.bench_panels import Line, Panel, panels_svg, parts
from edgekit.reporting.wording import Unit

MOST_PANELS = 8
_TICKS = (50.0, 90.0, 99.0, 99.9, 99.99)


def percentile_panels(standing: Standing) -> list[Panel]:
    """Return latency by percentile: a panel for each model, or one for all where each has but one line."""
    unit = bench_wording.unit([row.entry for row in standing.rows])
    by_model: dict[str, list[tuple[Row, str]]] = {}
    for row, label in zip(standing.rows, bench_wording.labels(standing), strict=True):
        by_model.setdefault(row.entry.name, []).append((row, label))
    if all(len(rows) == 1 for rows in by_model.values()):
        by_model = {"": [rows[0] for rows in by_model.values()]}
    return [
        Panel(model, [_percentiles(row.entry, label.removeprefix(f"{model} · "), unit) for row, label in few])
        for model, rows in by_model.items()
        for few in parts(rows)
    ][:MOST_PANELS]


def sweep_panels(standing: Standing, key: str) -> list[Panel]:
    """Return what `key`, "batch" or "threads", does: examples in a second by batch, or by threads; one panel."""
    families: dict[str, dict[int, Row]] = {}
    varying = [name for name in bench_wording.varying([row.entry for row in standing.rows]) if name != key]
    several = len(standing.records) > 1
    for row in (row for row in standing.rows if not row.entry.loads):
        named = (row.entry.name, bench_wording.setting(row.entry, varying), row.record if several else "")
        families.setdefault(" · ".join(filter(None, named)), {})[getattr(row.entry, key)] = row
    lines = [
        Line(name, sorted(found), *_throughput([found[size] for size in sorted(found)]))
        for name, found in families.items()
        if len(found) > 1
    ]
    return [Panel("", list(few)) for few in parts(lines)] if lines else []


def load_panels(standing: Standing) -> list[Panel]:
    """Return what came of the loads that were tried: p99 by rate where queries arrive, else answers by batch."""
    served, joined = [], []
    unit = bench_wording.unit([row.entry for row in standing.rows])
    for row, label in zip(standing.rows, bench_wording.labels(standing), strict=True):
        tried = sorted(row.entry.loads, key=lambda load: float(load.get("rate") or load["batch"]))
        if tried and "rate" in tried[0]:
            told: dict[float, float] = {}  # of a rate that was tried again the worse
            for load in tried:
                if load["p99_us"]:
                    told[load["rate"]] = max(load["p99_us"] / unit.microseconds, told.get(load["rate"], 0.0))
            served += [Line(label, [*told], [*told.values()])] if told else []
        elif tried:
            ends = [(load["low"], load["high"]) for load in tried]
            rates = [load["samples_per_second"] for load in tried]
            joined.append(Line(label, [load["batch"] for load in tried], rates, ends))
    return [
        Panel(title, list(few))
        for title, lines in ((f"p99, {unit.name}, by queries a second", served), ("samples a second by batch", joined))
        if lines
        for few in parts(lines)
    ]


def percentiles_svg(panels: Sequence[Panel], unit: Unit, name: str, width: int, columns: int) -> str:
    """Draw what `percentile_panels` gave."""
    furthest = max(line.xs[-1] for panel in panels for line in panel.lines)

    def scales(axes: Any) -> None:
        axes.xaxis.set_major_locator(FixedLocator([_nines(q) for q in _TICKS]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"p{100 * (1 - 10**-value):.6g}"))
        axes.set_xlim(_nines(50) - 0.1, furthest + 0.1)

    alt, upright = f"Latency by percentile, {unit.name}", f"latency, {unit.name}"
    return panels_svg(panels, alt, upright, scales, name, width, columns, marked=False)


def sweep_svg(panels: Sequence[Panel], key: str, name: str, width: int) -> str:
    """Draw what `sweep_panels` gave."""
    sizes = sorted({x for panel in panels for line in panel.lines for x in line.xs})

    def scales(axes: Any) -> None:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel(key, labelpad=6)

    return panels_svg(panels, f"Examples in a second by {key}", "examples in a second", scales, name, width, 1)


def loads_svg(panels: Sequence[Panel], name: str, width: int) -> str:
    """Draw what `load_panels` gave."""

    def scales(axes: Any) -> None:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))

    return panels_svg(panels, "What was borne", "", scales, name, width, 1, together=False)


def _percentiles(entry: Entry, name: str, unit: Unit) -> Line:
    known = [q for q in _grid() if q == 50 or _needed(q) <= len(entry.samples)]
    times = np.percentile(entry.samples.times_ns, known) / (1e3 * unit.microseconds)
    return Line(name, [_nines(q) for q in known], times.tolist())


@functools.cache
def _grid() -> list[float]:
    """Return the percentiles a curve is drawn by, p50 to p99.99 evenly in nines."""
    even = [100 * (1 - 10**-nines) for nines in np.linspace(_nines(50), _nines(99.99), 60).tolist()]
    return sorted({*_TICKS, *even[1:-1]})


@functools.cache
def _needed(q: float) -> int:
    return statistics.samples_needed(q)


def _nines(q: float) -> float:
    return -math.log10(1 - q / 100)


def _throughput(rows: Iterable[Row]) -> tuple[list[float], list[tuple[float, float]]]:
    told = [(row.entry.batch * 1e6, row.figures) for row in rows]
    rates = [examples / figures["p50_us"] for examples, figures in told]
    return rates, [(examples / figures["p50_high_us"], examples / figures["p50_low_us"]) for examples, figures in told]
