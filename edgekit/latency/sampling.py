"""Times several subjects so that they can be compared: side by side, in random order, until there is enough.

Whatever slows the machine for a while (another program, a clock that drops) then slows all of them alike, and their
ratio stays true. Times any callable; imports hardware and this room alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping

import numpy as np

from edgekit import hardware
from edgekit.latency.copies import Live, Lost, Memory, Opener, open_copies
from edgekit.latency.samples import Samples
from edgekit.latency.settling import Call, Clock, cost_of, uncollected

_TELLING_NS = 100_000_000  # how often progress is told


class _Taken:
    """What was timed of one subject so far."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.untimed, self.size = live.burst
        self.times: list[int] = []
        self.bursts: list[tuple[int, int, int]] = []  # round, copy, how many

    def take(self, number: int, copy: int, clock: Clock) -> None:
        """Time a burst of one copy."""
        copy %= len(self.live.calls)
        burst = _burst(self.live.calls[copy], self.untimed, self.size, clock)
        self.times += burst
        self.bursts.append((number, copy, len(burst)))

    def samples(self, name: str, cost: int) -> Samples:
        """Give what was taken, less the clock's own cost."""
        numbers, copies, counts = np.array(self.bursts, np.int64).T
        times = np.maximum(np.array(self.times) - cost, 0)
        first = max(self.live.first_ns - cost, 0)
        return Samples(name, times, np.repeat(numbers, counts), self.live.settled, np.repeat(copies, counts), first)


def interleave(
    subjects: Mapping[str, Call | Opener],
    *,
    seconds: float = 2.0,
    min_samples: int = 64,
    min_rounds: int = 20,
    seed: int = 0,
    clock: Clock = time.perf_counter_ns,
    memory: Memory = hardware.free_memory,
    progress: Callable[[float], None] | None = None,
    lost: Lost | None = None,
    rest: Callable[[], object] | None = None,
) -> dict[str, Samples]:
    """Time `subjects` in rounds until `seconds` for all together, opening included, and `min_samples` each are reached.

    A subject is a call, or an `Opener` of live copies of it. A round runs a burst of one copy of every subject, copy i
    of each beside copy i of the others, in an order drawn anew; there are at least `min_rounds`, and below 20 of them
    an interval over rounds says little. `clock` gives nanoseconds; its own cost is measured and taken off every time.

    `progress` is told the seconds that are left, between rounds. `lost`: is told the name and the error of a subject
    that fails, which is left out from there on while what was timed of it is kept; without it the error is raised.
    `memory`: how many bytes are free, which bounds the copies. `rest` is called before every burst, where what was
    called before it keeps cores busy for a while.
    """
    cost = cost_of(clock)
    ends = clock() + round(seconds * 1e9)
    draw = random.Random(seed)
    teller = _Teller(progress, clock)
    live = open_copies(
        subjects, ends=ends, clock=clock, draw=draw, memory=memory, lost=lost, tick=lambda: teller.tell(ends)
    )
    for one in live.values():
        one.typical_ns -= cost
    taken = {name: _Taken(one) for name, one in live.items()}
    running = list(taken)
    copies = max((len(one.calls) for one in live.values()), default=0)
    fewest = max([min_rounds, copies, *(-(-min_samples // one.size) for one in taken.values())])
    lap: list[int] = []
    done, began = 0, clock()
    while running and (done < fewest or clock() < ends):
        lap = lap or draw.sample(range(copies), copies)
        copy = lap.pop()
        for name in draw.sample(running, len(running)):
            if rest:
                rest()
            try:
                taken[name].take(done, copy, clock)
            except Exception as fault:
                if lost is None:
                    raise
                running.remove(name)
                lost(name, fault)
        done += 1
        teller.tell(max(ends, began + (clock() - began) * fewest // done))
    return {name: one.samples(name, cost) for name, one in taken.items() if one.times}


class _Teller:
    """Tells progress now and then."""

    def __init__(self, progress: Callable[[float], None] | None, clock: Clock) -> None:
        self.progress = progress
        self.clock = clock
        self.next = clock()

    def tell(self, ends: int) -> None:
        now = self.clock()
        if self.progress and now >= self.next:
            self.next = now + _TELLING_NS
            self.progress(max(ends - now, 0) / 1e9)


def _burst(call: Call, untimed: int, size: int, clock: Clock) -> list[int]:
    found = [0] * size
    with uncollected():
        for _ in range(untimed):
            call()
        for index in range(size):
            began = clock()
            call()
            found[index] = clock() - began
    return found
