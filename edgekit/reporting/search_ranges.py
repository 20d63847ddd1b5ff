"""Draws which of the searched settings mattered: the metric of the trials over each, as small panels. SVG alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from edgekit.reporting import plots
from edgekit.reporting.drawing import Palette, fitting, svg
from edgekit.reporting.search_effects import MOST, Effect
from edgekit.reporting.search_record import Search

_TALL, _ABOVE, _BELOW = 120, 44, 34  # points of a panel's axes, and over and under them
_LEFT, _RIGHT = 50, 12
_LOWEST = 5  # percentile of the metric where the upright axis ends


def ranges_svg(search: Search, found: Sequence[Effect], name: str, width: int, columns: int) -> str:
    """Return a panel for each of the settings that matter most, `columns` beside each other; "" where there is none."""
    found = found[:MOST]
    if not found:
        return ""
    columns = min(columns, len(found))
    tall = _TALL + _ABOVE + _BELOW
    height = tall * math.ceil(len(found) / columns)
    wide = width / columns - _LEFT - _RIGHT
    rises = [search.rise(trial.metric) for effect in found for trial in effect.trials]
    low, high = float(np.percentile(rises, _LOWEST)), max(rises)
    margin = 0.1 * (high - low or abs(high) or 1.0)

    def draw(figure: Figure, palette: Palette) -> None:
        for place, effect in enumerate(found):
            row, column = divmod(place, columns)
            corner = (column * width / columns + _LEFT) / width, (height - (row + 1) * tall + _BELOW) / height
            axes = figure.add_axes((*corner, wide / width, _TALL / height))
            axes.set_ylim(low - margin, high + margin)
            axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plots.mark(value, search.shown)))
            _across(axes, effect, wide)
            _trials(axes, search, effect, palette)
            told = "" if effect.share is None else _mattered(effect.share)
            over: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
            title = fitting(effect.name, 0.9 * wide + 30)
            axes.annotate(title, (0, 1), (-_LEFT + 14, 26), color=palette.ink, weight="bold", fontsize=10.5, **over)
            axes.annotate(told, (0, 1), (-_LEFT + 14, 11), color=palette.muted, fontsize=10, **over)

    said = "; ".join(f"{each.name}: {100 * each.share:.0f} %" for each in found if each.share is not None)
    return svg(name, width, height, f"Validation {search.metric.name} over each setting. {said}.", draw)


def _mattered(share: float) -> str:
    return f"goes with {100 * share:.0f} % of the differences" if share >= 0.005 else "no more than chance"


def _across(axes: Any, effect: Effect, wide: float) -> None:
    """Scale the axis of the setting: places for choices, numbers for a range."""
    if effect.labels:
        axes.set_xlim(-0.6, len(effect.labels) - 0.4)
        room = wide / len(effect.labels)
        fits = all(fitting(label, room) == label for label in effect.labels)
        labels = effect.labels if fits else [str(place) for place, _ in enumerate(effect.labels, 1)]
        axes.set_xticks(range(len(labels)), [fitting(label, room) for label in labels])
        axes.grid(visible=False, axis="x")
        return
    low, high = min(effect.xs), max(effect.xs)
    if effect.log and low > 0:
        axes.set_xscale("log")
        axes.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 200 else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(low - 0.06 * (high - low), high + 0.06 * (high - low))
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _trials(axes: Any, search: Search, effect: Effect, palette: Palette) -> None:
    """Draw the trials, the front coloured, those below the axis as arrows at its foot; and the medians as lines."""
    bottom = axes.get_ylim()[0]
    for place, (trial, x) in enumerate(zip(effect.trials, effect.xs, strict=True)):
        beside = x + 0.36 * ((place * 0.618034) % 1 - 0.5) if effect.labels else x  # apart, without chance
        height, front = search.rise(trial.metric), trial.number in search.front
        colour = palette.accent if front else palette.muted
        how: dict[str, Any] = {"color": colour, "alpha": 0.75 if front else 0.35, "markeredgewidth": 0}
        if height < bottom:
            axes.plot(beside, bottom, "v", markersize=4, clip_on=False, **how)
        else:
            axes.plot(beside, height, "o", markersize=5, zorder=4 if front else 3, **how)
    for left, right, middle in effect.groups:
        axes.plot([left, right], [search.rise(middle)] * 2, color=palette.ink, linewidth=1.4, alpha=0.8, zorder=5)
