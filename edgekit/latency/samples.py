"""What was measured of one callable: every raw time, and the figures told of it. Imports statistics alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgekit import statistics


class Samples:
    """The times of one callable: `times_ns` (n,) int64, and `rounds` (n,) int32, the round each was measured in.

    `settled` is False where the warm-up ended at its limit and not because the times had stopped falling.
    """

    def __init__(self, name: str, times_ns: np.ndarray, rounds: np.ndarray, settled: bool = True) -> None:
        if len(times_ns) != len(rounds):
            raise ValueError(f'"{name}" has {len(times_ns)} times, but {len(rounds)} round numbers')
        self.name = name
        self.times_ns = np.asarray(times_ns, dtype=np.int64)
        self.rounds = np.asarray(rounds, dtype=np.int32)
        self.settled = settled

    def __len__(self) -> int:
        return len(self.times_ns)

    @property
    def p50(self) -> float:
        """The median, in microseconds."""
        return float(np.median(self.times_ns)) / 1e3

    def percentile(self, q: float) -> float | None:
        """Return the `q`-th percentile (0 to 100) in microseconds; None where the samples are too few to tell."""
        found = statistics.percentile(self.times_ns, q)
        return None if found is None else found / 1e3

    def summary(self) -> dict[str, Any]:
        """Give the figures a verdict holds: the median with its interval, p90 where it may be told, and n."""
        low, high = statistics.median_interval(self.times_ns, self.rounds)
        return {
            "p50_us": self.p50,
            "p50_low_us": min(low / 1e3, self.p50),
            "p50_high_us": max(high / 1e3, self.p50),
            "p90_us": self.percentile(90),
            "n": len(self),
        }

    @classmethod
    def joined(cls, parts: Sequence[Samples]) -> Samples:
        """Join what was measured of one callable in several sittings, one after another."""
        starts = np.cumsum([0, *(int(part.rounds.max()) + 1 for part in parts[:-1])])
        rounds = [part.rounds + start for part, start in zip(parts, starts, strict=True)]
        times = np.concatenate([part.times_ns for part in parts])
        return cls(parts[0].name, times, np.concatenate(rounds), all(part.settled for part in parts))

    def by_round(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the rounds (r,) and the median time in each (r,), in nanoseconds."""
        order = np.argsort(self.rounds, kind="stable")
        numbers, starts = np.unique(self.rounds[order], return_index=True)
        bursts = np.split(self.times_ns[order], starts[1:])
        return numbers, np.array([np.median(burst) for burst in bursts])
