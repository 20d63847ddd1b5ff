"""How much faster one thing is than another that was timed at another moment, perhaps on another machine.

Side by side, rounds are paired and the machine's mood falls out of the ratio (`comparison.speedup`). Here it does not,
so the interval is wider, and says so. Imports statistics and this room alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from edgekit import statistics
from edgekit.latency.samples import Samples

_PARTS = 8  # into which a measurement is cut to see how the machine's mood moved
_MANY = 1000  # degrees of freedom: as good as the normal distribution

# Standard deviations of the log of a measurement's median. The first: of one live copy, where a record has no other.
# The others: from one process to the next, beyond what a measurement shows of itself, on a machine that is quiet and on
# one that others keep busy. Seen on a virtual machine of 2 cores, 4 copies each of models of 64 KB, 1 MB and 7 MB: of
# 25 processes in 17 minutes these claim 2, 2 and 0 % of all pairs to differ, and find 92 to 100 % of those slowed by
# 15 %; of 30 processes while others had 85 % of the machine they claim 0, 0 and 6 %.
_ONE_COPY = 0.045
_MOMENT = 0.016
_BUSY = 0.07


class _Told(NamedTuple):
    """Of one measurement: the mean over copies of the log of their medians, and the parts of its variance."""

    middle: float
    copies: int
    of_copies: float
    of_mood: float


def speedup(candidate: Samples, reference: Samples, *, busy: bool = False) -> dict[str, float]:
    """Return {"ratio", "low", "high"}: how many times faster `candidate` is, of two that were not timed side by side.

    The ratio of the geometric means of the copies' medians. The interval, 95 %, is Welch's: it holds how the copies of
    each differ, how the machine's mood moved while each was measured, and what two processes differ by; that is more
    where either was measured on a `busy` machine.
    """
    mine, theirs = _told(candidate), _told(reference)
    moment = _BUSY if busy else _MOMENT
    variance = sum(each.of_copies + each.of_mood + moment**2 for each in (mine, theirs))
    unsure = sum(each.of_copies**2 / (each.copies - 1) for each in (mine, theirs) if each.copies > 1)
    freedom = max(1, int(variance**2 / unsure)) if unsure else _MANY
    half = statistics.student(min(freedom, _MANY)) * variance**0.5
    middle = theirs.middle - mine.middle
    return {"ratio": float(np.exp(middle)), "low": float(np.exp(middle - half)), "high": float(np.exp(middle + half))}


def _told(samples: Samples) -> _Told:
    logs = np.log(np.maximum(samples.times_ns, 1))  # below the clock's own cost, a time is one nanosecond
    numbers, place = np.unique(samples.copies, return_inverse=True)
    medians = np.array([np.median(logs[place == copy]) for copy in range(len(numbers))])
    one = medians.var(ddof=1) if len(medians) > 1 else _ONE_COPY**2
    rounds = np.unique(samples.rounds, return_inverse=True)[1]
    part = rounds * _PARTS // (rounds.max() + 1)
    moods = np.array([np.median((logs - medians[place])[part == index]) for index in np.unique(part)])
    mood = moods.var(ddof=1) / len(moods) if len(moods) > 1 else 0.0
    return _Told(float(medians.mean()), len(medians), float(one) / len(medians), float(mood))
