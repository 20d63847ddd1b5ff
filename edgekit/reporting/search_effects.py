"""How much the metric of a search's trials goes with each setting that was varied. numpy; no matplotlib.

It tells of the trials that were made, not of causes: what did well is tried more often, and settings go together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from edgekit.reporting import search_wording as words
from edgekit.reporting.search_record import Search, Trial

MOST = 9  # settings in a picture
_PARTS = 4  # of a range, with as many trials each
_LEAST = 8  # trials, of which a picture says something
_TOLD = 12  # trials from which on a share is told


class Effect(NamedTuple):
    """The trials over one setting.

    `xs`: where each trial stands, the value itself of a range, else the place of its choice in `labels`. `groups`: left
    and right end and median of the metric of each part of the range, or of each choice. `share`: the part of the
    metric's variance that lies between the groups, freed of what chance gives them; None of few trials.
    """

    name: str
    trials: list[Trial]
    xs: list[float]
    labels: list[str]
    log: bool
    groups: list[tuple[float, float, float]]
    share: float | None


def effects(search: Search) -> list[Effect]:
    """Return every varied setting that enough trials have in two values at least; what matters most comes first."""
    found = []
    for name, short in words.searched(search).items():
        trials = [trial for trial in search.drawn if name in trial.overrides and trial.duplicate is None]
        values = [trial.overrides[name] for trial in trials]
        if len(trials) >= _LEAST and len({repr(value) for value in values}) > 1:
            found.append(_effect(search, short, search.space.get(name), trials, values))
    return sorted(found, key=lambda effect: -(effect.share or 0.0))


def left_out(search: Search, found: Sequence[Effect]) -> str:
    """Say which settings a picture of these effects does not show; "" where it shows all, or none."""
    shown = {effect.name for effect in found[:MOST]}
    left = [short for short in words.searched(search).values() if short not in shown]
    return f"Not drawn, with too few trials or too little to tell: {', '.join(left)}." if left and shown else ""


def _effect(search: Search, name: str, space: Any, trials: list[Trial], values: Sequence[Any]) -> Effect:
    scores = np.array([trial.metric for trial in trials], float)
    if isinstance(space, dict) and all(isinstance(value, int | float) for value in values):
        xs = [float(value) for value in values]
        order = np.argsort(xs, kind="stable")
        parts = [part for part in np.array_split(order, _PARTS) if len(part)]
        groups = [(xs[part[0]], xs[part[-1]], float(np.median(scores[part]))) for part in parts]
        labels: list[str] = []
    else:
        choices = _choices(space, values)
        labels = [words.value(choice) for choice in choices]
        xs = [float(choices.index(value)) for value in values]
        parts = [np.flatnonzero(np.array(xs) == place) for place in range(len(choices))]
        parts = [part for part in parts if len(part)]
        groups = [(xs[part[0]] - 0.3, xs[part[0]] + 0.3, float(np.median(scores[part]))) for part in parts]
    log = isinstance(space, dict) and bool(space.get("log"))
    return Effect(name, trials, xs, labels, log, groups, _share(scores, parts) if len(trials) >= _TOLD else None)


def _choices(space: Any, values: Sequence[Any]) -> list[Any]:
    """Return the choices in the recipe's order, and what else was tried after them."""
    found: list[Any] = list(space) if isinstance(space, list) else []
    for value in values:  # which may be a list or a mapping, and has no hash
        if value not in found:
            found.append(value)
    return found


def _share(scores: np.ndarray, parts: Sequence[np.ndarray]) -> float:
    """Return epsilon squared (Kelley 1935): the share of the variance between groups, less what chance would give."""
    within = sum(float(((scores[part] - scores[part].mean()) ** 2).sum()) for part in parts)
    total = float(((scores - scores.mean()) ** 2).sum())
    free = len(scores) - len(parts)
    if not total or free < 1:
        return 0.0
    share = 1 - within / free * (len(scores) - 1) / total
    return max(0.0, share) if math.isfinite(share) else 0.0
