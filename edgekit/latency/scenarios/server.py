"""The scenario "server": queries arrive as they like, and wait where the one before is not answered yet.

Whoever issues them never waits for an answer, and a latency is counted from when the query was due to arrive: what a
busy server makes later queries wait is part of theirs (no coordinated omission). Knows no threads and no models; the
clock and the waiting are given. numpy, and this room alone.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from edgekit.latency.scenarios.early_stopping import allowed

FEWEST = 662  # queries at a rate: what the 99th percentile needs with one overrun
MOST = 20_000
_FINER = 1.05  # the search ends where the rate that holds and the one that does not are as near as that
_LOOK = 16  # queries, or a sixteenth of all so far, between two looks at whether it is hopeless
_LOWER = 1.25  # how much lower the next rate is where none that held did so again


class System(Protocol):
    """What answers queries, in its own time."""

    def submit(self, done: Callable[[int], None]) -> None:
        """Take a query and return at once; `done` is told when it was answered, in ns on the clock."""
        ...

    def drain(self) -> None:
        """Return when all that was taken is answered; raise what went wrong."""
        ...


class Offered(NamedTuple):
    """What came of one rate, in queries a second.

    `latencies_ns` (n,): from when each was due to its answer. `late_ns`: the most by which one was issued late, which
    is part of its latency. `overruns`: how many took longer than the bound; `held`: few enough of enough queries.
    """

    rate: float
    latencies_ns: np.ndarray
    late_ns: int
    overruns: int
    held: bool

    def told(self) -> dict[str, Any]:
        """Give JSON-ready values, every latency included; p99 only where there are enough of them."""
        n = len(self.latencies_ns)
        p50, p99 = (float(np.percentile(self.latencies_ns, q)) / 1e3 for q in (50, 99))
        return {
            "rate": self.rate,
            "n": n,
            "p50_us": p50,
            "p99_us": p99 if n >= FEWEST else None,
            "overruns": self.overruns,
            "held": self.held,
            "late_us": self.late_ns / 1e3,
            "times_ns": self.latencies_ns.tolist(),
        }


def arrivals(rate: float, n: int, seed: int) -> np.ndarray:
    """Return when `n` queries of a Poisson process arrive: int64 (n,) ns from the start, `rate` a second on average."""
    gaps = np.random.default_rng(seed).exponential(1e9 / rate, n)
    return np.cumsum(gaps).astype(np.int64)


def offer(
    system: System,
    rate: float,
    n: int,
    bound_ns: int,
    *,
    seed: int,
    clock: Callable[[], int],
    wait_until: Callable[[int], None],
) -> Offered:
    """Offer `n` queries at a rate and wait for the answers; fewer where it shows before that the bound is missed."""
    may = allowed(n)
    due = arrivals(rate, n, seed) + clock()
    answered = np.full(n, -1, np.int64)
    issued, late, look = 0, 0, _LOOK
    for at in due.tolist():
        wait_until(at)
        late = max(late, clock() - at)
        system.submit(functools.partial(answered.__setitem__, issued))
        issued += 1
        if issued == look:
            look += max(_LOOK, issued // _LOOK)
            if _overruns(answered[:issued], due[:issued], bound_ns, clock()) > may:
                break
    system.drain()
    latencies = answered[:issued] - due[:issued]
    overruns = int(np.count_nonzero(latencies > bound_ns))
    return Offered(rate, latencies, late, overruns, issued == n and overruns <= may)


def queries(rate: float, seconds: float) -> int:
    """Return how many queries to offer at a rate: for about so many seconds, and enough to tell the 99th percentile."""
    return min(max(FEWEST, math.ceil(rate * seconds)), MOST)


def highest(
    offered: Callable[[float, int], Offered], first: float, in_time: Callable[[float], bool]
) -> tuple[Offered | None, list[Offered]]:
    """Search the highest rate that holds; return what it gave the second time, and all that was tried, in order.

    `offered(rate, number)` offers a rate with arrivals of that number; `in_time` says whether there is time for one
    more. From `first` the rate is doubled or halved until one holds and one does not, then halved between them (by
    their logarithms). Then the highest that held must hold again, on arrivals that did not choose it; or the next.
    """
    tried: list[Offered] = []
    low: float | None = None
    high: float | None = None
    rate = first
    while in_time(rate):
        tried.append(offered(rate, len(tried)))
        if tried[-1].held:
            low = rate
        else:
            high = rate
        if low is None:
            rate /= 2
        elif high is None:
            rate *= 2
        elif high / low <= _FINER:
            break
        else:
            rate = math.sqrt(low * high)
    once = {each.rate for each in tried if each.held}
    rate = max(once, default=0.0)
    while rate and in_time(rate):
        tried.append(offered(rate, len(tried)))
        if tried[-1].held and rate in once:
            return tried[-1], tried
        if tried[-1].held:
            once.add(rate)
        else:
            rate = max((lower for lower in once if lower < rate), default=rate / _LOWER)
    return None, tried


def _overruns(answered: np.ndarray, due: np.ndarray, bound_ns: int, now: int) -> int:
    """Count those that took too long, and those that are waited for too long already."""
    return int(np.count_nonzero(np.where(answered < 0, now, answered) - due > bound_ns))
