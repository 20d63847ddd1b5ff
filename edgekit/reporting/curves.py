"""How the loss fell in every training of a run, as SVG for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from edgekit.reporting import wording
from edgekit.reporting.drawing import Palette, svg
from edgekit.reporting.record import Epoch


def curves_svg(curves: Sequence[tuple[str, list[Epoch]]], name: str, width: int, columns: int) -> str:
    """Return the loss of every training as SVG: a small panel each, since their losses are not of one kind."""
    columns = min(columns, len(curves))
    rows = math.ceil(len(curves) / columns)
    height = 176 * rows
    said = "; ".join(
        f"{label}: from {wording.significant(epochs[0].loss)} to {wording.significant(epochs[-1].loss)} "
        f"in {_epochs(epochs)}"
        for label, epochs in curves
    )

    def draw(figure: Figure, palette: Palette) -> None:
        figure.subplots_adjust(
            left=44 / width, right=1 - 8 / width, bottom=26 / height, top=1 - 44 / height, wspace=0.32, hspace=0.85
        )
        for index, (label, epochs) in enumerate(curves):
            axes = figure.add_subplot(rows, columns, index + 1)
            losses = [epoch.loss for epoch in epochs]
            numbers = [epoch.epoch for epoch in epochs]
            axes.plot(numbers, losses, color=palette.accent, linewidth=1.8, marker="o" if len(losses) < 3 else None)
            if min(losses) > 0 and max(losses) / min(losses) > 5:
                axes.set_yscale("log")
                axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(losses) / min(losses) < 60 else (1,)))
                axes.yaxis.set_minor_locator(NullLocator())
            else:
                axes.yaxis.set_major_locator(MaxNLocator(4))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axes.xaxis.grid(False)
            final = f"{wording.significant(losses[-1])} after {_epochs(losses)}"
            axes.text(0, 1.22, label, transform=axes.transAxes, weight="bold", va="baseline")
            axes.text(0, 1.07, final, transform=axes.transAxes, fontsize=9.5, color=palette.muted, va="baseline")

    return svg(name, width, height, f"Training loss by epoch. {said}.", draw)


def _epochs(told: Sequence[Any]) -> str:
    return f"{len(told)} epoch{'s' if len(told) > 1 else ''}"
