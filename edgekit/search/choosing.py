"""Chooses a few points of the front for a person: which, under what name, and why.

Three have names: "most-accurate", "fastest", and "balanced" between these two. Where two names fall on one trial it is
chosen once, with both reasons, and nothing takes the free place. Further points lie spread over the front.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.reporting import search_wording as words
from edgekit.reporting import wording
from edgekit.reporting.search_record import Search, Trial, parse

BEST, FASTEST, BALANCED = "most-accurate", "fastest", "balanced"
_POINTS = 1.0  # of a share that the fastest may lose against the best, where no limit says what will do
_PART = 0.02  # of any other figure

Choice = tuple[str, Trial, str]


def chosen(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Choose up to record["points"] trials of the record's front: the values of its "chosen", name, trial and why.

    record: what search.json holds; its front counts only trials within the limits. Fewer where the front is small.
    """
    search = parse(dict(record) | {"chosen": []}, "the record of the search")
    front = [trial for trial in search.on_front() if trial.state == "complete"]
    if not front:
        return []
    choices = _named(search, front)[: search.points]
    told: dict[int, dict[str, Any]] = {}
    for name, trial, why in choices:
        if trial.number in told:
            told[trial.number]["why"] += f"; also {why}"
        else:
            told[trial.number] = {"name": name, "trial": trial.number, "why": why}
    for _ in range(search.points - 3):
        if further := _farthest(front, [trial for trial in front if trial.number in told]):
            why = f"one of the points spread evenly over the front: {words.point(search, further)}"
            told[further.number] = {"name": f"trial-{further.number}", "trial": further.number, "why": why}
    return list(told.values())


def _named(search: Search, front: Sequence[Trial]) -> list[Choice]:
    """Choose the named points, those first that are wanted first."""
    best = max(front, key=lambda trial: (_rise(search, trial), -_log(trial)))
    alone = (
        "the only point of the front" if len(front) == 1 else f"the best {search.metric.name} on validation examples"
    )
    found = [(BEST, best, f"{alone}: {words.point(search, best, doubt=True)}")]
    if len(front) == 1:
        return found
    fastest, rule = _fastest(search, front, best)
    how = f"the fastest that {rule}"
    if fastest is not best:
        how += f": {words.point(search, fastest)}, {_against(search, fastest, best)}"
    found.append((FASTEST, fastest, how))
    ends = (fastest, best) if fastest is not best else (front[0], best)
    middle, how = _between(search, front, *ends)
    if middle:
        where = f"between {FASTEST} and {BEST}" if fastest is not best else "on the way to the fastest of all"
        found.append(
            (BALANCED, middle, f"{how} {where}: {words.point(search, middle)}, {_against(search, middle, best)}")
        )
    return found


def _fastest(search: Search, front: Sequence[Trial], best: Trial) -> tuple[Trial, str]:
    """Return the fastest that is good enough, and what that means: the limit, or a small loss against the best.

    The limit may be beyond what short trainings reach; then it says nothing here.
    """
    limit = search.limits.metric
    if limit is not None and _rise(search, best) >= search.rise(limit):
        way = "at most" if search.shown.less_is_better else "at least"
        first = next(trial for trial in front if _rise(search, trial) >= search.rise(limit))
        return first, f"keeps the recipe's limit, {search.metric.name} of {way} {words.figure(search, limit)}"
    most = _POINTS if search.shown.share else _PART * abs(best.metric or 0.0)
    rule = f"loses at most {words.lost(search, most)} against the best"
    within = _rise(search, best) - most - 1e-9  # 100 * 0.822 is 82.19999999999999
    return next(trial for trial in front if _rise(search, trial) >= within), rule


def _between(search: Search, front: Sequence[Trial], one: Trial, other: Trial) -> tuple[Trial | None, str]:
    """Return the trial farthest above the line from one to another over log latency, the bend, and how to call it.

    Where none lies above it is the one that is nearest to halfway. What is on the front for its size alone is left out.
    """
    found = [trial for trial in front if _log(one) < _log(trial) < _log(other)]
    faster = {trial.number: [each for each in front if _log(each) < _log(trial)] for trial in found}
    found = [each for each in found if _rise(search, each) > max(_rise(search, it) for it in faster[each.number])]
    if not found:
        return None, ""
    slope = (_rise(search, other) - _rise(search, one)) / (_log(other) - _log(one))

    def above(trial: Trial) -> float:
        return _rise(search, trial) - _rise(search, one) - slope * (_log(trial) - _log(one))

    bend = max(found, key=above)
    if above(bend) > 0:
        return bend, "the bend of the front"
    half = (_log(one) + _log(other)) / 2
    return min(found, key=lambda trial: abs(_log(trial) - half)), "nearest to halfway in latency"


def _farthest(front: Sequence[Trial], taken: Sequence[Trial]) -> Trial | None:
    """Return the trial whose log latency is farthest from all that are taken; None where none is left."""
    left = [trial for trial in front if trial not in taken]
    return max(left, key=lambda trial: min(abs(_log(trial) - _log(other)) for other in taken), default=None)


def _against(search: Search, trial: Trial, best: Trial) -> str:
    """Say what a trial loses against the best and gains: 0.4 points below the best at 1.9× its speed."""
    loss = _rise(search, best) - _rise(search, trial)
    said = f"{words.lost(search, loss)} {'above' if search.shown.less_is_better else 'below'} the best"
    return f"{said} at {wording.times(math.exp(_log(best) - _log(trial)))} its speed"


def _rise(search: Search, trial: Trial) -> float:
    return search.rise(trial.metric)


def _log(trial: Trial) -> float:
    return math.log(trial.p50_ms or 1.0)
