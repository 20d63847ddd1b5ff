"""What was measured of one callable: every raw time, and the figures told of it. Imports statistics alone."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from edgekit import statistics


class Rounds(NamedTuple):
    """The rounds of a measurement, each (r,): their `numbers`, and the `copies` that were called.

    `medians` and `lows` are those of the times in a round, in ns: the lowest decile is what nothing else lengthened.
    """

    numbers: np.ndarray
    medians: np.ndarray
    lows: np.ndarray
    copies: np.ndarray


class Samples:
    """The times of one callable: `times_ns` (n,) int64, and `rounds` (n,) int32, the round each was measured in.

    `copies` (n,) int16: which live copy of it was called; all of a round are of one copy. `first_ns`: the time of the
    very first call, which is not among the times; None where it was not seen. `settled` is False where the warm-up
    ended at its limit and not because the times had stopped falling.
    """

    def __init__(
        self,
        name: str,
        times_ns: np.ndarray,
        rounds: np.ndarray,
        settled: bool = True,
        copies: np.ndarray | None = None,
        first_ns: int | None = None,
    ) -> None:
        copies = np.zeros(len(rounds)) if copies is None else copies
        if not len(times_ns) == len(rounds) == len(copies):
            raise ValueError(
                f'"{name}" has {len(times_ns)} times, but {len(rounds)} round numbers and {len(copies)} of copies'
            )
        self.name = name
        self.times_ns = np.asarray(times_ns, dtype=np.int64)
        self.rounds = np.asarray(rounds, dtype=np.int32)
        self.copies = np.asarray(copies, dtype=np.int16)
        self.settled = settled
        self.first_ns = first_ns

    def __len__(self) -> int:
        return len(self.times_ns)

    def lacking(self, q: float) -> int:
        """Return how many times more must be seen before the `q`-th percentile (0 to 100) may be told."""
        return max(statistics.samples_needed(q) - len(self), 0)

    @property
    def p50(self) -> float:
        """The median, in microseconds."""
        return float(np.median(self.times_ns)) / 1e3

    def percentile(self, q: float) -> float | None:
        """Return the `q`-th percentile (0 to 100) in microseconds; None where the samples are too few to tell."""
        found = statistics.percentile(self.times_ns, q)
        return None if found is None else found / 1e3

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the median, in microseconds: the wider of those over rounds and over copies."""
        low, high = statistics.median_interval(self.times_ns, self.rounds)
        if len(np.unique(self.copies)) > 1:
            of_copies = statistics.median_interval(self.times_ns, self.copies)
            low, high = min(low, of_copies[0]), max(high, of_copies[1])
        return min(low / 1e3, self.p50), max(high / 1e3, self.p50)

    def summary(self) -> dict[str, Any]:
        """Give the figures a verdict holds: the median with its interval, p90 where it may be told, and n."""
        low, high = self.interval()
        return {
            "p50_us": self.p50,
            "p50_low_us": low,
            "p50_high_us": high,
            "p90_us": self.percentile(90),
            "n": len(self),
        }

    def by_round(self) -> Rounds:
        """Return what each round took of it."""
        order = np.argsort(self.rounds, kind="stable")
        numbers, starts = np.unique(self.rounds[order], return_index=True)
        bursts = [np.sort(burst) for burst in np.split(self.times_ns[order], starts[1:])]
        medians, lows = (np.array([_quantile(burst, q) for burst in bursts]) for q in (0.5, 0.1))
        return Rounds(numbers, medians, lows, self.copies[order[starts]])

    def bursts(self) -> list[list[int]]:
        """Return [round, copy, count] for each run of times that one round took of one copy, in the order taken."""
        if not len(self):
            return []
        turns = (np.diff(self.rounds) != 0) | (np.diff(self.copies) != 0)
        edges = [0, *(np.flatnonzero(turns) + 1).tolist(), len(self)]
        return [
            [int(self.rounds[start]), int(self.copies[start]), end - start] for start, end in itertools.pairwise(edges)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Give the raw times as JSON-ready values."""
        return {
            "settled": self.settled,
            "first_ns": self.first_ns,
            "times_ns": self.times_ns.tolist(),
            "bursts": self.bursts(),
        }

    @classmethod
    def from_dict(cls, name: str, said: dict[str, Any]) -> Samples:
        """Read what `to_dict` gave, or what schema 1 had instead: the round of each time, and no copies."""
        times = np.array(said["times_ns"], np.int64)
        if "bursts" not in said:
            return cls(name, times, np.array(said["rounds"], np.int32), said["settled"])
        bursts = np.array(said["bursts"], np.int64).reshape(-1, 3)
        rounds, copies = (np.repeat(bursts[:, column], bursts[:, 2]) for column in (0, 1))
        return cls(name, times, rounds, said["settled"], copies, said["first_ns"])


def _quantile(ordered: np.ndarray, q: float) -> float:
    """Return the `q`-quantile as Hyndman and Fan's type 8, which hardly depends on how many times a burst has."""
    place = min(max((len(ordered) + 1 / 3) * q - 2 / 3, 0), len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
