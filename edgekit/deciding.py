"""The rule of the judge: what a step may lose and must gain. It measures nothing; imports no torch.

Limits are held against point estimates, and the intervals stand beside them. All that is outside the budget is told,
not what was found first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from edgekit import statistics
from edgekit.latency import comparison
from edgekit.metric import Metric
from edgekit.recipe.schema import Budget

KEPT_ANYWAY = "kept anyway"


class Found(NamedTuple):
    """What was found of a candidate beside its incumbent.

    `change`: as `change` gives it; `worst`: as `worst_class` does, None where classes are unknown. `faster`: as
    `comparison.speedup`. `memory`: {"peak_bytes"}, or {"error": why}; {} where it was not asked for.
    """

    change: Mapping[str, Any]
    worst: Mapping[str, Any] | None
    faster: Mapping[str, float]
    bytes: int
    memory: Mapping[str, Any]


class Decision(NamedTuple):
    """Whether a step stays, why, and whether it stays although it is outside the budget."""

    kept: bool
    reason: str
    anyway: bool = False

    @property
    def word(self) -> str:
        """Say it in a word, as a verdict has it."""
        return "kept" if self.kept else "undone"


def change(candidate: np.ndarray, incumbent: np.ndarray, groups: np.ndarray | None = None) -> dict[str, Any]:
    """Return how far a candidate's validation scores are above its incumbent's, in points; of single scores no doubt.

    `groups`: as in `statistics.mean_estimate`.
    """
    if candidate.ndim == 0:
        told = {"points": 100 * float(candidate - incumbent), "low": None, "high": None, "n": None}
    else:
        told = statistics.paired_change(candidate, incumbent, groups)
    return {**told, "split": "validation"}


def worst_class(
    candidate: np.ndarray,
    incumbent: np.ndarray,
    classes: np.ndarray | None,
    labels: Sequence[str],
    groups: np.ndarray | None = None,
) -> dict[str, Any] | None:
    """Return the change of the class that lost most by point estimate, with its "label"; None where that is unknown.

    `classes` (n,): what the examples are of. The interval is that class's own; the worst of many looks worse
    than it is.
    """
    if classes is None or candidate.shape != classes.shape:
        return None
    found = []
    for number in np.unique(classes[classes >= 0]):
        own = classes == number
        told = change(candidate[own], incumbent[own], None if groups is None else groups[own])
        found.append(told | {"label": labels[number] if number < len(labels) else str(number)})
    return min(found, key=lambda told: (told["points"], -told["n"]), default=None)


def decide(found: Found, incumbent: Mapping[str, Any], budget: Budget, gains: str, metric: Metric) -> Decision:
    """Keep or undo, and why: what is lost must be within the budget, and what is gained must be clear.

    `incumbent` is the verdict on what the candidate would replace. `gains`: "latency", or "accuracy" where a step must
    not lose any.
    """
    other, change = incumbent["label"], found.change
    changed = metric.changed(change["points"], change["low"], change["high"])
    speed = f"{found.faster['ratio']:.2f}× [{found.faster['low']:.2f}, {found.faster['high']:.2f}] the speed of {other}"
    faults = _over(found, budget, other, metric, changed)
    if gains == "accuracy":
        unclear = change["low"] is not None and change["low"] <= 0 <= change["high"]
        said = f"{changed} against {other}" + (", no clear difference" if unclear else "")
        if change["points"] < 0:
            faults = [said, *(fault for fault in faults if not fault.startswith(changed))]
        return _decision(faults, said, budget)
    if budget.max_drop_points is None and change["points"] < 0:
        changed += " (no limit is set)"
    lost = bool(faults) and faults[0].startswith(changed)
    shrunk = incumbent["bytes"] / found.bytes
    clear = comparison.verdict(dict(found.faster))
    smaller = bool(budget.min_shrink) and shrunk >= (budget.min_shrink or 0) and clear != "slower"
    quick = not budget.min_speedup or (clear == "faster" and found.faster["low"] > budget.min_speedup)
    why = speed if quick else f"{shrunk:.1f}× smaller than {other}, {speed}"
    if not quick and not smaller:
        faults.append(f"not clearly faster: {speed}, where more than {budget.min_speedup:g}× is asked")
    elif faults:
        faults.append(why)
    if faults and not lost:
        faults.append(changed)
    return _decision(faults, f"{why}, {changed}", budget)


def _over(found: Found, budget: Budget, other: str, metric: Metric, changed: str) -> list[str]:
    """Say of every limit that is broken by how much."""
    faults = []
    allowed, worst = budget.max_drop_points, found.worst
    if allowed is not None and -found.change["points"] > allowed:
        faults.append(f"{changed} against {other}, and a loss of {metric.loss(allowed)} is allowed")
    by_class = budget.max_class_drop_points
    if by_class is not None and worst and -worst["points"] > by_class:
        said = metric.changed(worst["points"], worst["low"], worst["high"])
        faults.append(
            f'class "{worst["label"]}" {said} (n = {worst["n"]:,}), and a loss of {metric.loss(by_class)} is allowed'
            " to a class"
        )
    if by_class is not None and not worst:
        faults.append("what each class lost is not known, and the budget limits it")
    if budget.max_bytes is not None and found.bytes > budget.max_bytes:
        faults.append(f"{found.bytes:,} bytes, where {budget.max_bytes:,} are allowed")
    if budget.max_memory_mb is not None:
        peak = found.memory.get("peak_bytes")
        if peak is None:
            faults.append(f"its memory could not be measured: {found.memory.get('error', 'this system does not tell')}")
        elif peak > 1e6 * budget.max_memory_mb:
            faults.append(f"{peak / 1e6:.1f} MB of memory, where {budget.max_memory_mb:g} MB are allowed")
    return faults


def _decision(faults: Sequence[str], reason: str, budget: Budget) -> Decision:
    if not faults:
        return Decision(True, reason)
    return Decision(budget.keep_anyway, "; ".join(faults), anyway=budget.keep_anyway)
