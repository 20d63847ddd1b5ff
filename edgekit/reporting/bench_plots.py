"""How the latencies of each model are spread, the main figure of a measurement: as SVG for the page, and as PNG.

There may be hundreds of thousands of times to a model: they are counted into bins before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from edgekit import files
from edgekit.latency.standing import Row, Standing
from edgekit.reporting import bench_wording, wording
from edgekit.reporting.drawing import PRINT, Palette, fitting, style, svg

MOST = 24  # rows in a figure
_BINS = 240
_ROW = 46  # points of height for a row
_LOG_FROM = 4.0  # times the fastest: beyond it, the axis is logarithmic
_ROOMY = 500  # points of width from which on there is room for more words
_CUT, _MEDIANS = 97, 3.0  # percentile, and medians, where the axis ends: the slowest would press all else together


def spread_svg(standing: Standing, name: str, width: int) -> str:
    """Return the spread of every row's latencies as SVG, `width` points wide, MOST rows at the most."""
    rows = standing.rows[:MOST]
    height = _ROW * len(rows) + 60
    labels = bench_wording.labels(standing)[:MOST]
    unit = bench_wording.unit([row.entry for row in standing.rows])
    said = "; ".join(f"{label}: p50 {_p50(row, unit)}" for label, row in zip(labels, rows, strict=True))

    def draw(figure: Figure, palette: Palette) -> None:
        figure.subplots_adjust(left=8 / width, right=1 - 8 / width, bottom=50 / height, top=1 - 10 / height)
        _spread(figure, standing, rows, labels, palette)

    return svg(name, width, height, f"How latencies are spread. {said}.", draw)


def write_png(standing: Standing, path: Path) -> None:
    """Write the spread as PNG of 1600 pixels in width, with the finding as its title and its origin beneath."""
    rows = standing.rows[:MOST]
    width, height = 800, _ROW * len(rows) + 138
    one, *others = standing.records.values()
    origin = " · ".join(standing.records) if others else bench_wording.origin(one)
    with style(PRINT, path.stem):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=PRINT.paper)
        figure.subplots_adjust(left=20 / width, right=1 - 20 / width, bottom=52 / height, top=1 - 78 / height)
        heading = figure.text(20 / width, 1 - 32 / height, bench_wording.headline(standing), fontsize=15, weight="bold")
        extent = heading.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        heading.set_fontsize(15 * min(1, (width - 40) / extent.width))
        figure.text(20 / width, 1 - 54 / height, fitting(origin, width - 40), fontsize=10, color=PRINT.muted)
        _spread(figure, standing, rows, bench_wording.labels(standing)[:MOST], PRINT)
        with files.atomic(path) as temporary:
            figure.savefig(temporary, format="png", dpi=144, metadata={"Software": None})


def _p50(row: Row, unit: wording.Unit) -> str:
    told = row.figures
    p50, low, high = (unit(told[key]) for key in ("p50_us", "p50_low_us", "p50_high_us"))
    return f"{p50} {unit.name} [{low}, {high}]"


def colour(standing: Standing, row: Row, palette: Palette) -> str:
    """Return a row's colour: its record's; of one alone the accent, and grey for what others are compared with."""
    if len(standing.records) > 1:
        return palette.lines[list(standing.records).index(row.record) % len(palette.lines)]
    others = any(each.over_first for each in standing.rows)
    return palette.muted if row.over_first is None and others else palette.accent


def _spread(figure: Figure, standing: Standing, rows: Sequence[Row], labels: Sequence[str], palette: Palette) -> None:
    unit = bench_wording.unit([row.entry for row in standing.rows])
    times = [np.maximum(row.entry.samples.times_ns, 1) / (1e3 * unit.microseconds) for row in rows]
    low = min(float(np.percentile(each, 0.1)) for each in times)
    high = max(min(float(np.percentile(each, _CUT)), _MEDIANS * float(np.median(each))) for each in times)
    low, high = (low * 0.97, high * 1.08) if high > low else (low * 0.9, high * 1.1)
    logarithmic = high / low > _LOG_FROM
    axes = figure.add_subplot()
    edges = np.geomspace(low, high, _BINS + 1) if logarithmic else np.linspace(low, high, _BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    room = axes.get_window_extent().width
    for place, (row, label, each) in enumerate(zip(rows, labels, times, strict=True)):
        foot = -float(place)
        shade = colour(standing, row, palette)
        dense = _density(each, edges)
        axes.axhline(foot, color=palette.grid, linewidth=0.8, zorder=1)
        axes.fill_between(middles, foot, foot + 0.5 * dense, color=shade, alpha=0.3, linewidth=0)
        axes.plot(middles, np.where(dense > 0.002, foot + 0.5 * dense, np.nan), color=shade, linewidth=0.9)
        told = row.figures
        ends = [told[key] / unit.microseconds for key in ("p50_low_us", "p50_high_us")]
        axes.plot(ends, [foot, foot], color=shade, linewidth=3.2, solid_capstyle="butt", zorder=4)
        axes.plot([told["p50_us"] / unit.microseconds], [foot], "o", color=shade, markersize=5, zorder=5)
        heights: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": 10.5, "va": "baseline"}
        p50 = _p50(row, unit) if room > _ROOMY else f"{unit(told['p50_us'])} {unit.name}"
        axes.text(0, foot + 0.6, fitting(label, room - 6 * len(p50) - 12), color=palette.ink, **heights)
        axes.text(1, foot + 0.6, p50, color=palette.muted, ha="right", **heights)
    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 200 else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.set_xlim(low, high)
    axes.set_ylim(-len(rows) + 0.75, 0.95)
    axes.yaxis.set_visible(False)
    words = ["← faster", f"latency, {unit.name}", bench_wording.shared([row.entry for row in rows])]
    axes.set_xlabel("  ·  ".join(words if room > _ROOMY else words[:2]), labelpad=8)


def _density(times: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return how dense the times lie in each bin, 1 where they are densest, smoothed over five bins."""
    counts = np.histogram(times, edges)[0].astype(float)
    smooth = np.convolve(counts, np.array([1, 2, 3, 2, 1]) / 9, mode="same")
    return smooth / max(float(smooth.max()), 1.0)
