"""Panels of lines beside and below each other, their names in colours above them. As SVG; knows nothing of records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from edgekit.reporting.drawing import Palette, fitting, svg

T = TypeVar("T")
MOST_LINES = 6  # in a panel: as many as there are colours
_HEIGHT = 190  # points of a panel's axes


class Line(NamedTuple):
    """One line of a panel: its name, the points, and the interval of each where there is one."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    ends: Sequence[tuple[float, float]] = ()


class Panel(NamedTuple):
    """The lines that share a pair of axes."""

    title: str
    lines: list[Line]


def parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split what does not fit one panel into parts of nearly the same size."""
    size = math.ceil(len(items) / math.ceil(len(items) / MOST_LINES))
    return (items[start : start + size] for start in range(0, len(items), size))


def panels_svg(
    panels: Sequence[Panel], alt: str, upright: str, scales: Callable[[Any], None], name: str, width: int, columns: int,
    *, marked: bool = True, together: bool = True,
) -> str:  # fmt: skip
    """Draw panels in columns, with points `marked`, and with one upright scale where they stand `together`."""
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    wide = width / columns - 74
    across = 2 if wide > 430 else 1
    above = 40 + 17 * (math.ceil(max(len(panel.lines) for panel in panels) / across) + any(p.title for p in panels))
    tall = _HEIGHT + above + 42
    height = tall * rows
    every = [[y for line in panel.lines for y in line.ys] for panel in panels]
    if together:
        every = [[y for ys in every for y in ys]] * len(panels)

    def draw(figure: Figure, palette: Palette) -> None:
        for place, panel in enumerate(panels):
            row, column = divmod(place, columns)
            corner = (column * width / columns + 56) / width, (height - (row + 1) * tall + 42) / height
            axes = figure.add_axes((*corner, wide / width, _HEIGHT / height))
            for line, shade in zip(panel.lines, palette.lines, strict=False):
                axes.plot(
                    line.xs,
                    line.ys,
                    color=shade,
                    linewidth=1.6,
                    marker="o" if marked else "",
                    markersize=4,
                )
                if line.ends:
                    axes.vlines(line.xs, *zip(*line.ends, strict=True), color=shade, linewidth=1, alpha=0.6)
            _upright(axes, every[place])
            scales(axes)
            _heading(axes, panel, upright, palette, wide, across)

    said = "; ".join(f"{line.name}: {line.ys[0]:.4g} to {line.ys[-1]:.4g}" for panel in panels for line in panel.lines)
    return svg(name, width, height, f"{alt}. {said}.", draw)


def _upright(axes: Any, values: Sequence[float]) -> None:
    """Give all panels the same upright scale, logarithmic where the values span much."""
    low, high = min(values), max(values)
    if high / low > 3:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
    else:
        axes.set_ylim(low - 0.1 * (high - low or low), high + 0.1 * (high - low or low))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _heading(axes: Any, panel: Panel, upright: str, palette: Palette, wide: float, across: int) -> None:
    """Write above a panel, `wide` points in width, what it shows and its lines' names, so many beside each other."""

    def write(x: float, line: float, text: str, **how: Any) -> None:
        axes.text(x, 1 + (13 + 17 * line) / _HEIGHT, text, transform=axes.transAxes, **how)

    write(0, 0, upright, color=palette.muted, fontsize=10)
    rows = math.ceil(len(panel.lines) / across)
    for place, line in enumerate(panel.lines):
        row, column = divmod(place, across)
        x, height = column / across, rows - row
        y = 1 + (17 + 17 * height) / _HEIGHT
        axes.plot(
            [x, x + 14 / wide], [y, y], transform=axes.transAxes, clip_on=False, color=palette.lines[place], linewidth=3
        )
        write(x + 20 / wide, height, fitting(line.name, wide / across - 20), color=palette.ink, fontsize=10.5)
    if panel.title:
        write(0, rows + 1.1, panel.title, color=palette.ink, weight="bold")
