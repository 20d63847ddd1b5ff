"""How often a model is right when it is so sure: the reliability diagram of two models, as SVG for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from edgekit import statistics
from edgekit.reporting import wording
from edgekit.reporting.differences import Calibration
from edgekit.reporting.drawing import Palette, svg

_LARGEST, _SMALLEST = 11.0, 3.0  # radius in points of a bin that holds all examples, and of the smallest
_TICKS = [0, 0.25, 0.5, 0.75, 1]


def reliability_svg(models: Sequence[tuple[str, Calibration]], name: str, width: int, columns: int) -> str:
    """Return a panel for each of the labelled `models`; the last is the one that the page is about."""
    rows = math.ceil(len(models) / columns)
    height = 310 * rows
    said = "; ".join(
        f"{label}: ECE {wording.points(each.ece)} of {each.n:,} examples; " + ", ".join(
            f"{wording.percent(part.correct)} right at {wording.percent(part.confidence)} (n = {part.n:,})"
            for part in each.bins
        )
        for label, each in models
    )  # fmt: skip

    def draw(figure: Figure, palette: Palette) -> None:
        figure.subplots_adjust(
            left=52 / width, right=1 - 26 / width, bottom=44 / height, top=1 - 50 / height, wspace=0.2, hspace=0.48
        )
        for index, (label, each) in enumerate(models):
            axes = figure.add_subplot(rows, columns, index + 1)
            colour = palette.accent if index == len(models) - 1 else palette.muted
            axes.plot([0, 1], [0, 1], color=palette.muted, linewidth=1, linestyle=(0, (1, 3)), zorder=1)
            sure, right = ([getattr(part, name) for part in each.bins] for name in ("confidence", "correct"))
            ends = zip(*(statistics.wilson(part.correct * part.n, part.n) for part in each.bins), strict=True)
            axes.vlines(sure, *ends, color=colour, linewidth=1, alpha=0.55, zorder=2)
            areas = [math.pi * max(_SMALLEST, _LARGEST * math.sqrt(part.n / each.n)) ** 2 for part in each.bins]
            axes.scatter(
                sure, right, s=areas, linewidth=0.6, zorder=3, clip_on=False, facecolor=colour, edgecolor=palette.paper
            )
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(FixedLocator(_TICKS))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
            axes.set_xlabel("how sure it was", labelpad=6)
            axes.tick_params(pad=7)
            axes.text(0, 1.15, label, transform=axes.transAxes, weight="bold", color=colour)
            axes.text(0, 1.06, "how often it was right", transform=axes.transAxes, color=palette.muted, fontsize=10)

    return svg(name, width, height, f"Reliability diagram. {said}.", draw)
