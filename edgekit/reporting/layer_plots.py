"""The time of every layer before and after a compression, and its sensitivity, as SVG for the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from edgekit.reporting import wording
from edgekit.reporting.drawing import Palette, fitting, svg
from edgekit.reporting.layers import FLOAT, Row, Step, together

MOST = 30  # layers that are drawn
_TALL = 26  # points of a row
_THICK = 0.34  # of a bar, in rows


def layers_svg(step: Step, name: str, width: int) -> str:
    """Return two bars for each layer, before above after; beside them what it does alone in 8 bits, where known.

    What stays in float is hollow. Of more than `MOST` layers the slowest are shown and the others joined.
    """
    rows = shown(step.rows)
    above, below = 58, 44
    height = _TALL * len(rows) + above + below
    left = 190 if width > 500 else 118
    said = "; ".join(
        f"{row.name}: {_us(row.before_us)} to {_us(row.after_us)}{', ' + row.form if row.form else ''}" for row in rows
    )

    def draw(figure: Figure, palette: Palette) -> None:
        times_until = 0.70 if step.sensed else 1 - 24 / width
        bottom, tall = below / height, 1 - (above + below) / height
        axes = figure.add_axes((left / width, bottom, times_until - left / width, tall))
        places = range(len(rows))
        before, after = ([getattr(row, which) or 0.0 for row in rows] for which in ("before_us", "after_us"))
        axes.barh([at - 0.2 for at in places], before, _THICK, color=palette.muted, alpha=0.5, linewidth=0)
        hollow = [row.form == FLOAT for row in rows]
        fills = ["none" if empty else palette.accent for empty in hollow]
        axes.barh([at + 0.2 for at in places], after, _THICK, color=fills, edgecolor=palette.accent, linewidth=1)
        _scale(axes, rows, "µs")
        axes.set_yticks(list(places), [fitting(row.name, left - 12) for row in rows])
        axes.tick_params(axis="y", pad=6)
        for label in axes.get_yticklabels():
            label.set_color(palette.ink)
        for line, text, colour in ((18, f"{step.before} (upper)", palette.muted), (36, step.label, palette.accent)):
            figure.text(left / width, 1 - line / height, text, color=colour, weight="bold", va="center")
        if step.sensed:
            beside = figure.add_axes((times_until + 0.05, bottom, 0.95 - times_until - 16 / width, tall))
            felt = [row.divergence or 0.0 for row in rows]
            beside.barh(places, felt, _THICK, color=palette.ink, linewidth=0)
            _scale(beside, rows, "divergence")
            beside.xaxis.set_major_locator(MaxNLocator(2))
            beside.set_yticks([])
            figure.text(times_until + 0.05, 1 - 36 / height, "alone in 8 bits", weight="bold", va="center")

    return svg(name, width, height, f"Time by layer, {step.before} and {step.label}. {said}.", draw)


def shown(rows: Sequence[Row]) -> list[Row]:
    """Return the rows to draw: all, or the slowest in their order and the other layers as one."""
    *layers, rest = rows
    if len(layers) <= MOST:
        return list(rows)
    slowest = sorted(layers, key=lambda row: -max(row.before_us or 0.0, row.after_us or 0.0))[: MOST - 1]
    others = [row for row in layers if row not in slowest]
    joined = together(f"{len(others)} other layers", others)
    return [*(row for row in layers if row in slowest), joined, rest]


def _scale(axes: Any, rows: Sequence[Row], unit: str) -> None:
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.yaxis.grid(False)
    axes.set_xlabel(unit, labelpad=4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def _us(us: float | None) -> str:
    return "none" if us is None else f"{wording.significant(us)} µs"
