"""Times session settings of one model by turns, with one open session at a time.

Two sessions with threads of their own disturb each other: an idle pool spins for some 30 ms after its last run, and two
threads that take 339 µs alone took 615 beside another session's. So a session is opened anew, warmed up, timed for a
moment and closed, then comes the next setting, in an order drawn for every round: each round compares fresh copies, and
what slows the machine for longer slows all of them.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave
from edgekit.runtime.tuned import Tuned

_TURN = 0.1  # seconds: what a session is warmed up and timed for before it is closed
_CALLS = 3  # the fewest timed calls of a turn


class Runs(Protocol):
    """An open session."""

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run once."""
        ...

    def close(self) -> None:
        """Let go of it, and of its threads."""
        ...


class Turns:
    """Times settings of one model, one open session at a time: `open` makes a session of a setting.

    `progress` is told the seconds gone since the first turn.
    """

    def __init__(
        self,
        open: Callable[[Tuned], Runs],
        feeds: Mapping[str, Any],
        *,
        seed: int = 0,
        clock: Callable[[], int] = time.perf_counter_ns,
        progress: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._open, self._feeds, self._clock, self._progress = open, feeds, clock, progress
        self._draw = random.Random(seed)
        self._began = clock()

    def __call__(self, settings: Mapping[str, Tuned], seconds: float, rounds: int) -> dict[str, Samples]:
        """Time each by turns for `seconds` together, and `rounds` at least; a round opens a new copy of each."""
        times: dict[str, list[np.ndarray]] = {name: [] for name in settings}
        began = self._clock()
        order, done, gone = list(settings), 0, 0.0
        # A round is begun where it ends nearer to the end than the one before.
        while done < rounds or gone * (done + 0.5) / done < seconds:
            self._draw.shuffle(order)
            for name in order:
                times[name].append(self._turn(name, settings[name]))
            done += 1
            gone = (self._clock() - began) / 1e9
            self._progress((self._clock() - self._began) / 1e9)
        found = {}
        for name, parts in times.items():
            numbers = np.repeat(np.arange(done), [len(part) for part in parts])
            found[name] = Samples(name, np.concatenate(parts), numbers, copies=numbers)
        return found

    def cost(self, setting: Tuned) -> float:
        """Return the seconds a turn takes, opening included."""
        began = self._clock()
        self._turn(str(setting), setting)
        return (self._clock() - began) / 1e9

    def _turn(self, name: str, setting: Tuned) -> np.ndarray:
        session = self._open(setting)
        try:
            call = functools.partial(session.run, self._feeds)
            taken = interleave({name: call}, seconds=_TURN, min_samples=_CALLS, min_rounds=1, clock=self._clock)
            return taken[name].times_ns
        finally:
            session.close()
