"""Times several callables so that they can be compared: side by side, in random order, until there is enough.

Whatever slows the machine for a while (another program, a clock that drops) then slows all of them alike, and their
ratio stays true. Measures any callable; imports nothing of edgekit but this room.
"""

from __future__ import annotations

import gc
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from edgekit.latency.samples import Samples

Call = Callable[[], object]
Clock = Callable[[], int]

_BURST_NS = 3_000_000  # what a round gives to each callable: long against a switch, short against a change of mood
_BURST_CALLS = 1000  # the most calls of a burst
_WARM_UP_SHARE = 0.25  # the part of the time that the warm-up may take at most
_SETTLED = 0.02  # a warm-up goes on while a window is faster than the best before it by more than this
_CALM_WINDOWS = 2  # so many windows in a row must be no faster
_WINDOW_CALLS = 5  # the fewest calls of a window


def interleave(
    calls: Mapping[str, Call],
    *,
    seconds: float = 2.0,
    min_samples: int = 64,
    min_rounds: int = 20,
    seed: int = 0,
    clock: Clock = time.perf_counter_ns,
) -> dict[str, Samples]:
    """Time `calls` in rounds until `seconds` (for all together, warm-up included) and `min_samples` each are reached.

    A round runs a burst of every callable, in an order drawn anew; there are at least `min_rounds`, and below
    20 of them an interval over rounds says little. `clock` gives nanoseconds; its own cost is measured
    and taken off every time.
    """
    cost = _cost_of(clock)
    ends = clock() + round(seconds * 1e9)
    times: dict[str, list[int]] = {name: [] for name in calls}
    rounds: dict[str, list[int]] = {name: [] for name in calls}
    sizes: dict[str, int] = {}
    settled: dict[str, bool] = {}
    limit = round(seconds * 1e9 * _WARM_UP_SHARE / max(len(calls), 1))
    for name, call in calls.items():
        with _no_collection():
            typical, settled[name] = _warm_up(call, clock, limit)
        sizes[name] = min(_BURST_CALLS, max(1, round(_BURST_NS / max(typical - cost, 1))))
    fewest = max(min_rounds, *(-(-min_samples // size) for size in sizes.values())) if calls else 0
    order = list(calls)
    draw = random.Random(seed)
    done = 0
    while done < fewest or clock() < ends:
        draw.shuffle(order)
        for name in order:
            burst = _burst(calls[name], sizes[name], clock)
            times[name] += burst
            rounds[name] += [done] * len(burst)
        done += 1
    return {
        name: Samples(name, np.maximum(np.array(times[name]) - cost, 0), np.array(rounds[name]), settled[name])
        for name in calls
    }


def _burst(call: Call, size: int, clock: Clock) -> list[int]:
    found = [0] * size
    with _no_collection():
        if size > 1:
            call()  # untimed: it finds the caches full of the others' data, which is the interleaving's doing
        for index in range(size):
            began = clock()
            call()
            found[index] = clock() - began
    return found


def _warm_up(call: Call, clock: Clock, limit: int) -> tuple[float, bool]:
    """Call until times stop falling, for at most `limit` ns; return the last window's median, and whether they did."""
    ends = clock() + limit
    best = float("inf")
    calm = 0
    while True:
        window = _window(call, clock, ends)
        calm = calm + 1 if window > best * (1 - _SETTLED) else 0
        best = min(best, window)
        if calm == _CALM_WINDOWS:
            return window, True
        if clock() >= ends:
            return window, False


def _window(call: Call, clock: Clock, ends: int) -> float:
    """Return the median time of a few calls, and of one at least."""
    enough = clock() + _BURST_NS
    found: list[int] = []
    while not found or ((len(found) < _WINDOW_CALLS or clock() < enough) and clock() < ends):
        began = clock()
        call()
        found.append(clock() - began)
    return statistics.median(found)


def _cost_of(clock: Clock) -> int:
    readings = [clock() for _ in range(1001)]
    return round(statistics.median(after - before for before, after in itertools.pairwise(readings)))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from running inside; it is put back as it was."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
