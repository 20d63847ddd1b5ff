"""Warming a call up until its times stop falling, and what timing needs of clock and collector. Imports no edgekit."""

from __future__ import annotations

import gc
import itertools
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Call = Callable[[], object]
Clock = Callable[[], int]

_FALLING = 0.02  # a warm-up goes on while a window is faster than the best before it by more than this
_CALM_WINDOWS = 2  # so many windows in a row must be no faster


def settle(call: Call, clock: Clock, limit: int, window: int, calls: int = 5) -> tuple[float, bool]:
    """Call until the times stop falling, for at most `limit` ns: windows of `window` ns and `calls` calls are compared.

    Returns the fastest window's median in ns, and whether they had stopped. Calls once at least.
    """
    ends = clock() + limit
    best = float("inf")
    calm = 0
    while True:
        median = _window(call, clock, clock() + window, calls, ends)
        calm = calm + 1 if median > best * (1 - _FALLING) else 0
        best = min(best, median)
        if calm == _CALM_WINDOWS:
            return best, True
        if clock() >= ends:
            return best, False


def cost_of(clock: Clock) -> int:
    """Return what reading the clock once adds to a time, in ns: the median over a thousand readings."""
    readings = [clock() for _ in range(1001)]
    return round(statistics.median(after - before for before, after in itertools.pairwise(readings)))


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from running inside; it is put back as it was."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _window(call: Call, clock: Clock, enough: int, calls: int, ends: int) -> float:
    """Return the median time of a few calls, and of one at least."""
    found: list[int] = []
    while not found or ((len(found) < calls or clock() < enough) and clock() < ends):
        began = clock()
        call()
        found.append(clock() - began)
    return statistics.median(found)
