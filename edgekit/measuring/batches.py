"""How many requests a Batcher should join at most: the number it has by itself, unless another is clearly faster.

Many requests wait at once, which is when it matters. All numbers are tried in turn on one open model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from edgekit.latency import comparison
from edgekit.latency.sampling import interleave
from edgekit.latency.settling import Clock
from edgekit.measuring.serving import Joined, queries
from edgekit.runtime.batcher import MAX_BATCH
from edgekit.runtime.model import Model

TRIED = (8, 16, MAX_BATCH, 64)
_WAITING = 4 * max(TRIED)  # requests that wait at once: the same for all
_ROUNDS = 20  # in which each is called once at least
_SHARES = (0.6, 0.4)  # of the time: to find the best, and to see that it is

Call = Callable[[], None]


class Batches(NamedTuple):
    """The number to join at most, None for the usual one; and its {"ratio", "low", "high"} over the usual, if any."""

    best: int | None
    speed: dict[str, float] | None


def best(model: Model, row: Mapping[str, Any], seconds: float) -> Batches:
    """Measure for `seconds` how fast requests of one `row` are answered; nothing where a model is too slow for that.

    UsageError where the model cannot be batched.
    """
    systems = {number: Joined(model, row, time.perf_counter_ns, number) for number in TRIED}
    try:
        calls = {number: queries(system, _WAITING) for number, system in systems.items()}
        needed = _WAITING * len(TRIED) * _ROUNDS / _SHARES[0]
        if _seconds(lambda: model(row)) / MAX_BATCH * needed > seconds:  # were a batch as quick as a row
            return Batches(None, None)
        if _seconds(calls[MAX_BATCH]) / _WAITING * needed > seconds:
            return Batches(None, None)
        return chosen(calls, seconds)
    finally:
        for system in systems.values():
            system.close()


def chosen(calls: Mapping[int, Call], seconds: float, clock: Clock = time.perf_counter_ns) -> Batches:
    """Return which number's call is clearly faster than the usual one's, measured once more than it was chosen by."""
    speeds = _over_usual(calls, seconds * _SHARES[0], clock)
    number = max(speeds, key=lambda number: speeds[number]["ratio"])
    if speeds[number]["ratio"] <= 1:
        return Batches(None, None)
    speed = _over_usual({key: calls[key] for key in (number, MAX_BATCH)}, seconds * _SHARES[1], clock)[number]
    return Batches(number if comparison.verdict(speed) == "faster" else None, speed)


def _over_usual(calls: Mapping[int, Call], seconds: float, clock: Clock) -> dict[int, dict[str, float]]:
    named = {str(number): call for number, call in calls.items()}
    taken = interleave(named, seconds=seconds, min_samples=_ROUNDS, min_rounds=_ROUNDS, clock=clock)
    usual = taken[str(MAX_BATCH)]
    return {number: comparison.speedup(taken[str(number)], usual) for number in calls if number != MAX_BATCH}


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
