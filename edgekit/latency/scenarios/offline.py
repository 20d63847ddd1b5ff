"""The scenario "offline": all samples are there, and what counts is how many are answered in a second.

That hangs on how many are run together: batches of 1, 2, 4, ... are timed in turn, so that what slows the machine slows
all of them. Imports this room alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from edgekit.latency import comparison
from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave
from edgekit.latency.settling import Call, Clock

MOST = 1024
_WORTH = 1.02  # a batch twice as large must answer so many times as many samples to be a gain
_PATIENCE = 2  # doublings without a gain after which no larger batch is tried
_CALLS = 20  # calls of each batch that must fit into the time


class Throughput(NamedTuple):
    """What a batch gives: the times of its runs, and samples a second with their interval."""

    batch: int
    samples: Samples
    per_second: float
    low: float
    high: float

    def told(self) -> dict[str, Any]:
        """Give JSON-ready values, every time included."""
        figures = {"samples_per_second": self.per_second, "low": self.low, "high": self.high}
        return {"batch": self.batch, **figures, "n": len(self.samples), "times_ns": self.samples.times_ns.tolist()}


def measure(
    at: Callable[[int], Call],
    *,
    seconds: float,
    first: int = 1,
    most: int = MOST,
    runs: int = 1,
    seed: int = 0,
    clock: Clock = time.perf_counter_ns,
    progress: Callable[[float], None] | None = None,
) -> list[Throughput]:
    """Time batches of `first`, twice that, ... up to `most`, all in turn for `seconds`.

    `at(batch)` makes a call that answers `runs` batches. Larger ones are left out where two doublings gain nothing, or
    where twenty runs of each would not fit into the time.
    """
    calls: dict[str, Call] = {}
    best, without, together = 0.0, 0, 0
    batch = first
    while batch <= most and without < _PATIENCE:
        call = at(batch)
        took = min(_once(call, clock) for _ in range(3))
        together += took
        if calls and together * _CALLS > seconds * 1e9:
            break
        calls[str(batch)] = call
        rate = batch / max(took, 1)
        without = 0 if rate > best * _WORTH else without + 1
        best = max(best, rate)
        batch *= 2
    taken = interleave(calls, seconds=seconds, min_samples=_CALLS, seed=seed, clock=clock, progress=progress)
    return [_throughput(int(name), runs, samples) for name, samples in taken.items()]


def best(found: list[Throughput]) -> Throughput:
    """Return the smallest batch that no other is clearly faster than, sample by sample."""
    most = max(found, key=lambda one: one.per_second)
    return next(one for one in found if not _clearly_more(most, one))


def _clearly_more(one: Throughput, other: Throughput) -> bool:
    if one is other:
        return False
    speed = comparison.speedup(one.samples, other.samples)
    scaled: Mapping[str, float] = {key: value * one.batch / other.batch for key, value in speed.items()}
    return comparison.verdict(scaled) == "faster"


def _throughput(batch: int, runs: int, samples: Samples) -> Throughput:
    low, high = samples.interval()
    return Throughput(batch, samples, *(batch * runs * 1e6 / max(us, 1e-3) for us in (samples.p50, high, low)))


def _once(call: Call, clock: Clock) -> int:
    began = clock()
    call()
    return clock() - began
