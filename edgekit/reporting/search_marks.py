"""Draws what stands in a search's plot: trials, the front and its steps, teacher and limits, and what was stopped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from edgekit.reporting import search_wording as words
from edgekit.reporting.drawing import Palette
from edgekit.reporting.search_labels import Mark
from edgekit.reporting.search_record import Search, Trial
from edgekit.reporting.search_view import View, doubt, time_limit

_FOOT = 0.06  # of the height of the plot, where the number of those below stands
_DASHES = {"limit": (0, (5, 4)), "teacher": (0, (1, 2.5))}


def lines(axes: Any, search: Search, view: View, palette: Palette) -> list[Mark]:
    """Draw teacher and limits where they lie within the axes, and return their names."""
    marks = []
    slowest = time_limit(search)
    if slowest is not None and view.left < view.x(slowest) < view.right:
        axes.axvline(view.x(slowest), linestyle=_DASHES["limit"], color=palette.lines[1], linewidth=1.1, zorder=1.5)
        told = f"limit {words.latency(search, slowest)}"
        marks.append(Mark(view.x(slowest), view.bottom, name=told, colour=palette.lines[1], line="foot"))
    wanted, teacher = search.limits.metric, search.teacher.metric if search.teacher else None
    higher = None not in (wanted, teacher) and search.rise(wanted) > search.rise(teacher)
    for kind, figure, told, colour, end in (
        ("limit", wanted, f"limit {words.figure(search, wanted)}", palette.lines[1], "right"),
        ("teacher", teacher, f"teacher {words.teacher(search)}", palette.muted, "under" if higher else "left"),
    ):
        if figure is not None and view.shows(search.rise(figure)):
            axes.axhline(search.rise(figure), linestyle=_DASHES[kind], color=colour, linewidth=1.1, zorder=1.5)
            marks.append(Mark(view.left, search.rise(figure), name=told, colour=colour, line=end))
    return marks


def trials(axes: Any, search: Search, view: View, palette: Palette) -> list[Mark]:
    """Draw every trial that has figures, the front over the others; return what has a name or must stay free."""
    front = search.on_front()
    names = {trial.number: chosen.name for chosen, trial in search.chosen_trials()}
    marks = [_dot(axes, search, trial, view, palette) for trial in search.drawn if trial not in front]
    if corners := steps(search, view):
        axes.step(*zip(*corners, strict=True), where="post", color=palette.accent, linewidth=1.2, alpha=0.6, zorder=2)
    for trial in front:
        if ends := _ends(search, trial):
            axes.vlines(view.x(trial.p50_ms), *ends, color=palette.accent, linewidth=1, alpha=0.45, zorder=2)
        marks.append(_dot(axes, search, trial, view, palette, names.get(trial.number, "")))
    own = search.own
    if own:
        spot = view.x(own.p50_ms), search.rise(own.metric)
        axes.plot(*spot, "D", color=palette.lines[1], markersize=6.5, markeredgecolor=palette.paper, zorder=6)
        if own.number not in names:
            marks.append(Mark(*spot, 5, "the recipe", palette.lines[1], _figures(search, own), _ends(search, own)))
    return marks


def steps(search: Search, view: View) -> list[tuple[float, float]]:
    """Return the corners of what can be had at each latency; those on the front for their size alone are none."""
    found: list[tuple[float, float]] = []
    for trial in search.on_front():
        if not found or search.rise(trial.metric) > found[-1][1]:
            found.append((view.x(trial.p50_ms), search.rise(trial.metric)))
    return found


def _ends(search: Search, trial: Trial) -> tuple[float, ...]:
    """Return the lower and the upper end of a trial's error bar; nothing where only the front has bars."""
    return tuple(sorted(search.rise(end) for end in doubt(trial))) if trial.number in search.front else ()


def _dot(axes: Any, search: Search, trial: Trial, view: View, palette: Palette, name: str = "") -> Mark:
    """Draw one trial; one that is worse than the axis reaches is an arrow at its foot."""
    x, y, radius = view.x(trial.p50_ms), search.rise(trial.metric), view.size(trial.bytes)
    if y < view.bottom:
        axes.plot(x, view.bottom, "v", color=palette.muted, markersize=4, alpha=0.5, clip_on=False)
        return Mark(x, view.bottom, 3)
    area = math.pi * radius**2
    if trial.number not in search.front:
        kept = {"facecolor": palette.muted, "alpha": 0.22, "linewidth": 0}
        hollow = {"facecolor": "none", "edgecolor": palette.muted, "alpha": 0.6, "linewidth": 1}
        axes.scatter(x, y, s=area, zorder=2.5, **(hollow if trial.state == "infeasible" else kept))
        return Mark(x, y, radius)
    if name:
        axes.scatter(x, y, s=area, facecolor=palette.accent, edgecolor=palette.paper, linewidth=1.2, zorder=4)
    else:
        axes.scatter(x, y, s=area, facecolor=palette.accent, alpha=0.38, linewidth=0, zorder=3)
    axes.plot(x, y, "o", color=palette.paper if name else palette.accent, markersize=2.4, zorder=5)
    told = f"{name}, the recipe itself" if name and trial.own else name
    return Mark(x, y, radius, told, palette.accent, _figures(search, trial) if name else "", _ends(search, trial))


def _figures(search: Search, trial: Trial) -> str:
    return f"{words.figure(search, trial.metric)}, {words.latency(search, trial.p50_ms)}"


def strip(axes: Any, scores: Sequence[float], view: View, palette: Palette) -> None:
    """Draw the last scores of trials that were never timed in a strip of their own; count what lies below the axis."""
    shown = [score for score in scores if score >= view.bottom + _FOOT * (view.top - view.bottom)]
    places = [0.2 + 0.6 * (place * 0.618034 % 1) for place in range(len(shown))]  # beside each other, without chance
    axes.plot(places, shown, "x", color=palette.muted, markersize=4, alpha=0.6)
    axes.set_xlim(0, 1)
    axes.tick_params(labelleft=False, labelbottom=False)
    axes.grid(visible=False, axis="x")
    axes.spines["left"].set_visible(True)
    axes.spines["left"].set_color(palette.grid)
    axes.set_xlabel("stopped", labelpad=8, fontsize=10)
    if below := len(scores) - len(shown):
        where = {"transform": axes.transAxes, "ha": "center", "va": "bottom", "fontsize": 10}
        axes.text(0.5, 0.012, f"{below} ↓", color=palette.muted, **where)
