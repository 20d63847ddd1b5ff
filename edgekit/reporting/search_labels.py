"""Puts names to what stands in a search's plot, and the sizes of its markers under it. Knows nothing of searches."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from edgekit.console import size
from edgekit.reporting import plots
from edgekit.reporting.drawing import Palette
from edgekit.reporting.placing import Box, Point, place


class Mark(NamedTuple):
    """What stands in the plot at (x, y) in its own units, with a radius in points, and perhaps its name.

    `figures` are a second line under the name, `ends` those of its error bar. A `line` through the whole plot has its
    name at its "left" or "right" end, or "under" its left end; an upright one at its "foot".
    """

    x: float
    y: float
    radius: float = 0.0
    name: str = ""
    colour: str = ""
    figures: str = ""
    ends: tuple[float, ...] = ()
    line: str = ""


Corners = Sequence[tuple[float, float]]


def names(figure: Figure, axes: Any, marks: Sequence[Mark], steps: Corners, palette: Palette, *, short: bool) -> None:
    """Write the names of all marks so that none covers another, a marker or the line of `steps`.

    `short` leaves their figures out.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    frame = axes.get_window_extent()
    taken = _along(axes.transData.transform(steps) if steps else [])
    taken += [box for mark in marks if mark.line for box in _at_line(figure, axes, frame, mark)]
    points, texts = [], []
    for mark in (mark for mark in marks if not mark.line):
        x, y = axes.transData.transform((mark.x, mark.y))
        r = mark.radius + 1
        taken.append(Box(x - r, y - r, x + r, y + r))
        bottom, top = axes.transData.transform([(mark.x, end) for end in mark.ends or (mark.y, mark.y)])[:, 1]
        taken.append(Box(x - 2, bottom, x + 2, top))
        if mark.name:
            told = mark.name if short or not mark.figures else f"{mark.name}\n{mark.figures}"
            text = figure.text(0, 0, told, va="center", fontsize=10.5, linespacing=1.25, color=mark.colour, zorder=8)
            text.set_fontweight("bold" if mark.figures else "normal")
            extent = text.get_window_extent(canvas.get_renderer())
            points.append(Point(x, y, mark.radius, extent.width + 4, extent.height + 2, bottom, top))
            texts.append(text)
    bounds = Box(frame.x0 + 2, frame.y0 + 2, frame.x1 - 2, frame.y1 - 2)
    for text, point, box in zip(texts, points, place(points, taken, bounds), strict=True):
        plots.put(figure, text, point, box, palette)


def _along(corners: Corners) -> list[Box]:
    """Return the room that a line of steps takes: along each step, then up or down to the next."""
    found = []
    for (x, y), (x1, y1) in pairwise(corners):
        found += [Box(x, y - 2, x1, y + 2), Box(x1 - 2, min(y, y1), x1 + 2, max(y, y1))]
    return found


def _at_line(figure: Figure, axes: Any, frame: Any, mark: Mark) -> list[Box]:
    """Write the name of a line that crosses the plot at its end, and return the room that both take."""
    x, y = axes.transData.transform((mark.x, mark.y))
    foot = mark.line == "foot"
    line = Box(x - 2, frame.y0, x + 2, frame.y1) if foot else Box(frame.x0, y - 2, frame.x1, y + 2)
    left, right = (x + 4, x - 4) if foot else (frame.x0 + 4, frame.x1 - 4)
    height = frame.y0 + 4 if foot else y - 3 if mark.line == "under" else y + 3
    side = "top" if mark.line == "under" else "bottom"
    text = figure.text(0, 0, mark.name, va=side, fontsize=10, color=mark.colour, zorder=7)
    wide = text.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width
    flush = mark.line == "right" or (foot and left + wide > frame.x1)
    to_figure = figure.transFigure.inverted().transform
    text.set(position=to_figure((right if flush else left, height)), ha="right" if flush else "left")
    return [line, Box(*text.get_window_extent(FigureCanvasAgg(figure).get_renderer()).extents)]


def sizes(
    figure: Figure, radius: Callable[[int], float], largest: int, palette: Palette, page: tuple[int, int]
) -> None:
    """Draw two markers of round sizes under the plot, flush right, each with its bytes."""
    width, height = page
    canvas = FigureCanvasAgg(figure)
    inches = figure.dpi_scale_trans
    x, y = width - 14.0, 18.0
    for count in _round_sizes(largest):
        text = figure.text(x / width, y / height, size(count).replace(".0 ", " "), fontsize=10, color=palette.muted)
        text.set(ha="right", va="center")
        x -= text.get_window_extent(canvas.get_renderer()).width + 5 + radius(count)
        middle, wide = (x / 72, y / 72), radius(count) / 72
        figure.add_artist(Circle(middle, wide, facecolor=palette.muted, alpha=0.3, linewidth=0, transform=inches))
        x -= radius(count) + 14


def _round_sizes(largest: int) -> list[int]:
    """Return the largest of 1, 2, 5, 10, 20, ... that is no more than the largest file, and what is a tenth of it."""
    power = 10 ** math.floor(math.log10(max(largest, 10)))
    most = max(step * power for step in (1, 2, 5) if step * power <= max(largest, 10))
    return [most, max(1, most // 10)]
