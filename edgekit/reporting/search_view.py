"""What part of a search its plot shows: the ends of the axes, and what then lies beyond them. No matplotlib."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from edgekit.console import size
from edgekit.reporting import search_wording as words
from edgekit.reporting.search_record import Search, Trial

ROOMY = 500  # points of width from which on there is room for more words
_RADIUS = (15.0, 11.0)  # points of the largest file's marker, in a wide and in a narrow plot
_SMALLEST = 2.6
_LOWEST = 10  # percentile of the metric where the upright axis ends, if no point of the front lies below
_NEAR = 0.6  # of the span of the trials, within which the teacher and the limit are worth the room


class View(NamedTuple):
    """The ends of both axes in the plot's own units, what a millisecond comes to there, and the markers' scale."""

    left: float
    right: float
    bottom: float
    top: float
    unit: float
    largest: int
    radius: float

    def x(self, p50_ms: float | None) -> float:
        """Return where a latency stands."""
        return (p50_ms or 0.0) * self.unit

    def size(self, count: int | None) -> float:
        """Return the radius of the marker of so many bytes: areas are in proportion."""
        return max(_SMALLEST, self.radius * math.sqrt((count or 0) / self.largest))

    def shows(self, rise: float) -> bool:
        """Tell whether a height lies within the axes."""
        return self.bottom < rise < self.top


def view(search: Search, width: int) -> View:
    """Choose the ends of the axes so that the front has room; the worst trials may lie below."""
    drawn = search.drawn
    kept = [trial for trial in drawn if trial.number in search.front or trial.own]
    ends = [search.rise(end) for trial in kept for end in (trial.metric, *doubt(trial))]
    rises = [search.rise(trial.metric) for trial in drawn]
    low, high = min([float(np.percentile(rises, _LOWEST)), *ends]), max([*rises, *ends])
    span = high - low
    for asked in (search.teacher.metric if search.teacher else None, search.limits.metric):
        if asked is not None and low - _NEAR * span <= search.rise(asked) <= high + _NEAR * span:
            low, high = min(low, search.rise(asked)), max(high, search.rise(asked))
    least = 1.0 if search.shown.share else 0.02 * max(abs(low), abs(high), 1e-9)
    margin = 0.09 * max(high - low, least)
    timed = [trial.p50_ms for trial in drawn if trial.p50_ms]
    fast, slow = min(timed), max(timed)
    limit = time_limit(search)
    if limit is not None and fast / 1.6 <= limit <= 1.6 * slow:
        fast, slow = min(fast, limit), max(slow, limit)
    stretch = max(1.25, (slow / fast) ** 0.08)
    unit = 1000 / words.unit(search).microseconds
    largest = max(max((trial.bytes or 0 for trial in drawn), default=0), 1)
    sides = unit * fast / stretch, unit * slow * stretch
    return View(*sides, low - margin, high + margin, unit, largest, _RADIUS[width < ROOMY])


def doubt(trial: Trial) -> list[float]:
    """Return the two ends of the interval of a trial's metric; nothing where it has none."""
    ends = [end for end in (trial.metric_low, trial.metric_high) if end is not None]
    return ends if len(ends) == 2 else []


def stopped(search: Search) -> list[float]:
    """Return the scores of the trials that were stopped, each at its last rung; more is better."""
    return [search.rise(trial.last_rung[1]) for trial in search.trials if trial.state == "stopped" and trial.last_rung]


def time_limit(search: Search) -> float | None:
    """Return the milliseconds that a trial may take; None for no limit. A speed-up is one by the teacher's time."""
    limits, teacher = search.limits, search.teacher.p50_ms if search.teacher else None
    found = [limits.p50_ms, teacher / limits.speedup if teacher and limits.speedup else None]
    return min((limit for limit in found if limit is not None), default=None)


def beyond(search: Search) -> list[str]:
    """Say what the plot cannot show: the limit of the file, and the teacher or limits that lie off the axes."""
    if not search.drawn:
        return []
    seen, said = view(search, ROOMY), []
    if search.teacher and (told := words.teacher(search)) and not seen.shows(search.rise(search.teacher.metric)):
        said.append(f"The teacher, {told}, lies beyond the axis.")
    slowest, off = time_limit(search), []
    if slowest is not None and not seen.left < seen.x(slowest) < seen.right:
        off.append(f"p50 of {words.latency(search, slowest)}")
    if search.limits.metric is not None and not seen.shows(search.rise(search.limits.metric)):
        off.append(f"{search.metric.name} of {words.figure(search, search.limits.metric)}")
    off += [f"file of {size(search.limits.bytes)}"] if search.limits.bytes is not None else []
    said += [f"Not drawn: the limit{'s' if len(off) > 1 else ''} {', '.join(off)}."] if off else []
    return said
