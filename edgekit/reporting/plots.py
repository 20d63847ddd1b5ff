"""Accuracy against latency, the figure a run comes down to: as SVG for the page and as PNG for a README."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from edgekit import files
from edgekit.console import size
from edgekit.errors import DataError
from edgekit.metric import MINUS, Metric
from edgekit.reporting import record, wording
from edgekit.reporting.drawing import PRINT, Palette, style, svg
from edgekit.reporting.placing import Box, Point, bow, place
from edgekit.reporting.record import Run, Verdict

_LARGEST = 22.0  # radius in points of the largest file's marker; areas are in proportion
_SMALLEST = 3.5


def tradeoff_svg(run: Run, name: str, width: int) -> str:
    """Return accuracy against latency as SVG, `width` points wide; `name` keeps its ids apart from other figures'."""
    height = max(330, round(width * 0.5))
    rows = "; ".join(
        f"{verdict.label}: {wording.scored(verdict)}, p50 {wording.significant(verdict.latency.p50_us)} µs, "
        f"{size(verdict.bytes)}, {verdict.decision}"
        for verdict in run.verdicts
    )

    def draw(figure: Figure, palette: Palette) -> None:
        figure.subplots_adjust(left=46 / width, right=1 - 14 / width, bottom=46 / height, top=1 - 24 / height)
        _tradeoff(figure, run, palette)

    return svg(name, width, height, f"Accuracy against latency. {rows}.", draw)


def write_png(run_folder: Path, path: Path) -> None:
    """Write accuracy against latency of a run as PNG of 1600 x 900 pixels, with the outcome as its title."""
    run = record.read(run_folder)
    if not run.verdicts:
        raise DataError(f'"{run_folder}" has nothing to draw yet: no model is judged', "let the run go on first")
    width, height = 800, 450
    with style(PRINT, run.id):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=PRINT.paper)
        figure.subplots_adjust(left=52 / width, right=1 - 20 / width, bottom=52 / height, top=1 - 98 / height)
        title, subtitle = _story(run)
        heading = figure.text(20 / width, 1 - 34 / height, title, fontsize=15.5, weight="bold")
        extent = heading.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        heading.set_fontsize(15.5 * min(1, (width - 40) / extent.width))
        figure.text(20 / width, 1 - 57 / height, subtitle, fontsize=10.5, color=PRINT.muted)
        _tradeoff(figure, run, PRINT)
        with files.atomic(path) as temporary:
            figure.savefig(temporary, format="png", dpi=144, metadata={"Software": None})


def _story(run: Run) -> tuple[str, str]:
    model, teacher = run.shipped, run.teacher
    how = "bars: 95 % intervals  ·  marker area: file size"
    if any(verdict.undone for verdict in run.verdicts):
        how += "  ·  hollow: undone by the judge"
    if model is None or teacher is None or model is teacher:
        return f"{run.name}: {f'the {model.label} was kept' if model else 'unfinished'}", how
    title = f"{run.name}: {wording.compared(model, teacher)}"
    against = wording.score(teacher)
    scores = f"{wording.scored(model)} {model.metric} against {against}{wording.examples(model.test.n)}"
    return title, f"{scores}  ·  {how}"


@dataclass(frozen=True)
class _Spot:
    """A model in the plot: latency in the plot's unit, score in percent or as it is, their intervals, radius in points.

    More of a score is better; what stands at its axis is the metric.
    """

    verdict: Verdict
    x: float
    y: float
    across: tuple[float, float]
    up: tuple[float, float]
    radius: float


def _spots(run: Run, unit: wording.Unit) -> list[_Spot]:
    largest = max(verdict.bytes for verdict in run.verdicts)
    scale = _scale(run.metric)
    spots = []
    for verdict in run.verdicts:
        test, latency = verdict.test, verdict.latency
        ends = (test.value if test.low is None else test.low, test.value if test.high is None else test.high)
        spots.append(
            _Spot(
                verdict,
                latency.p50_us / unit.microseconds,
                scale * test.value,
                (latency.p50_low_us / unit.microseconds, latency.p50_high_us / unit.microseconds),
                (scale * ends[0], scale * ends[1]),
                max(_SMALLEST, _LARGEST * math.sqrt(verdict.bytes / largest)),
            )
        )
    return spots


def _scale(metric: Metric) -> int:
    return 100 if metric.share else 1


def _tradeoff(figure: Figure, run: Run, palette: Palette) -> None:
    unit = wording.unit(run.verdicts)
    spots = _spots(run, unit)
    axes = figure.add_subplot()
    _scales(axes, spots, run.metric)
    latency = run.verdicts[0].latency
    where = f"{latency.device}, batch {latency.batch}, {latency.threads} thread{'s' if latency.threads > 1 else ''}"
    axes.set_xlabel(f"← faster  ·  p50 latency, {unit.name}  ·  {where}", labelpad=8)
    axes.text(0, 1.02, f"test {run.metric.title}", transform=axes.transAxes, color=palette.muted, fontsize=10)
    way = _way(run, spots, axes.transData.transform)
    if way:
        x, y = axes.transData.inverted().transform(way).T
        axes.plot(x, y, color=palette.accent, linewidth=1, zorder=1, linestyle=(0, (1, 3)))
    for spot in spots:
        shipped = spot.verdict is run.shipped
        colour = palette.accent if shipped else palette.muted
        bars: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.5 if shipped else 1,
            "alpha": 1 if shipped else 0.55,
            "zorder": 2,
        }
        axes.plot([spot.x, spot.x], spot.up, **bars)
        axes.plot(spot.across, [spot.y, spot.y], **bars)
        undone = spot.verdict.undone
        axes.scatter(
            spot.x, spot.y, s=math.pi * spot.radius**2, linewidth=1.4, zorder=3.5 if shipped else 3,
            facecolor=palette.paper if undone else colour, edgecolor=colour if undone else palette.paper,
        )  # fmt: skip
    _names(figure, axes, run, spots, way, palette)


def _way(run: Run, spots: Sequence[_Spot], to_page: Any) -> list[tuple[float, float]]:
    """Lead from the teacher to the model that was kept, over each incumbent, around what was undone; in points."""
    stages: list[str] = []
    step = run.shipped
    while step and step.stage not in stages:
        stages.append(step.stage)
        step = run.verdict(step.incumbent)
    middles = to_page([(spot.x, spot.y) for spot in spots])
    undone = [Point(x, y, s.radius, 0, 0, y, y) for s, (x, y) in zip(spots, middles, strict=True) if s.verdict.undone]
    steps = [(x, y) for spot, (x, y) in zip(spots, middles, strict=True) if spot.verdict.stage in stages]
    return [place for ends in pairwise(steps) for place in bow(*ends, undone)]


def _scales(axes: Any, spots: Sequence[_Spot], metric: Metric) -> None:
    low, high = min(spot.up[0] for spot in spots), max(spot.up[1] for spot in spots)
    margin = 0.1 * max(high - low, 1.0 if metric.share else 0.01 * max(abs(low), abs(high)))
    axes.set_ylim(low - margin, high + margin)
    left, right = min(spot.x for spot in spots), max(spot.x for spot in spots)
    room = min(0.25, 84 / axes.get_window_extent().width)  # on either side, for a name beside the outermost marker
    stretch = max(1.3, (right / left) ** (room / (1 - 2 * room)))
    axes.set_xscale("log")
    axes.set_xlim(left / stretch, right * stretch)
    wide = right / left > 200
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: mark(value, metric)))


def mark(value: float, metric: Metric) -> str:
    """Write what stands at the upright axis, where `value` rises with what is better; a share is in percent."""
    if metric.share:
        return f"{value:g} %" if value <= 100 else ""
    return f"{metric.shown(value):g}".replace("-", MINUS)  # the unit stands above the axis


def _names(
    figure: Figure, axes: Any, run: Run, spots: Sequence[_Spot], way: Sequence[tuple[float, float]], palette: Palette
) -> None:
    """Write every model's name and file size beside its marker, with a thin line to it where the name stands apart."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    middles = axes.transData.transform([(spot.x, spot.y) for spot in spots])
    texts, points, obstacles = [], [], []
    for spot, (x, y) in zip(spots, middles, strict=True):
        shipped = spot.verdict is run.shipped
        text = figure.text(
            0, 0, f"{spot.verdict.label}\n{size(spot.verdict.bytes)}", va="center", fontsize=10.5, linespacing=1.25,
            color=palette.accent if shipped else palette.muted if spot.verdict.undone else palette.ink,
            weight="bold" if shipped else "normal", zorder=4,
        )  # fmt: skip
        extent = text.get_window_extent(canvas.get_renderer())
        texts.append(text)
        bottom, top = axes.transData.transform([(spot.x, end) for end in spot.up])[:, 1]
        points.append(Point(x, y, spot.radius, extent.width + 2, extent.height, bottom, top))
        obstacles.append(Box(x - 2.5, bottom, x + 2.5, top))
        obstacles.append(Box(x - spot.radius, y - spot.radius, x + spot.radius, y + spot.radius))
    for (x0, y0), (x1, y1) in pairwise(way):
        parts = max(1, round(math.hypot(x1 - x0, y1 - y0) / 6))
        for part in range(parts):
            x, y = x0 + (x1 - x0) * part / parts, y0 + (y1 - y0) * part / parts
            obstacles.append(Box(x - 2, y - 2, x + 2, y + 2))
    frame = axes.get_window_extent()
    bounds = Box(frame.x0, frame.y0 + 3, figure.bbox.x1 - 3, frame.y1)
    for text, point, box in zip(texts, points, place(points, obstacles, bounds), strict=True):
        put(figure, text, point, box, palette)


def put(figure: Figure, text: Any, point: Point, box: Box, palette: Palette) -> None:
    """Put a name into the box that `placing` found for it, flush to its point, and draw a line to it from afar."""
    if box.left >= point.x:
        x, side = box.left, "left"
    elif box.right <= point.x:
        x, side = box.right, "right"
    else:
        x, side = (box.left + box.right) / 2, "center"
    y = (box.bottom + box.top) / 2
    to_figure = figure.transFigure.inverted().transform
    text.set(position=to_figure((x, y)), ha=side, ma=side)
    line = point.line(box)
    if len(line) > 2:
        ends = to_figure([line[0], line[-1]])
        figure.add_artist(Line2D(ends[:, 0], ends[:, 1], color=palette.muted, linewidth=0.7))
