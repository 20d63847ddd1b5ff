"""How much faster one callable is than another, and whether that is clear. Imports statistics and this room alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from edgekit import statistics
from edgekit.latency.samples import Samples

# Two sessions of one file commonly differ by up to so much on one machine, for as long as they live: it hangs on where
# in memory their weights came to lie, and where they just fill a cache it is more. Less is no property of the model.
MARGIN = 1.02

# Student's t at 97.5 % for so many pairs.
_STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}


def speedup(candidate: Samples, reference: Samples) -> dict[str, float]:
    """Return {"ratio", "low", "high"}: how many times faster `candidate` is; above 1 it is the faster one.

    The two must come from one `interleave`: the ratio is the median over rounds of (reference's median time in the
    round / candidate's), so that what slows both alike leaves it untouched.
    """
    rounds, mine, theirs = _paired(candidate, reference)
    ratios = theirs / mine
    ratio = float(np.median(ratios))
    low, high = statistics.median_interval(ratios, rounds)
    return {"ratio": ratio, "low": min(low, ratio), "high": max(high, ratio)}


def across(speeds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Join the speed-ups of several pairs of sessions into one, with an interval that holds how sessions differ.

    Two sessions of one file differ in speed for as long as they live, so what one pair tells, however long it is timed,
    is known less well than it seems. The interval is Student's, over the logarithms of the pairs' ratios, 95 %.
    """
    logs = np.log([speed["ratio"] for speed in speeds])
    within = float(np.mean([np.log(speed["high"] / speed["low"]) / 2 for speed in speeds]))
    half = within
    if len(logs) > 1:
        half = max(within, _STUDENT[len(logs)] * float(logs.std(ddof=1)) / len(logs) ** 0.5)
    middle = float(logs.mean())
    return {"ratio": float(np.exp(middle)), "low": float(np.exp(middle - half)), "high": float(np.exp(middle + half))}


def verdict(speed: Mapping[str, float]) -> Literal["faster", "slower", "no clear difference"]:
    """Put what `speedup` found into words: a difference is clear where its whole interval lies beyond MARGIN."""
    if speed["low"] > MARGIN:
        return "faster"
    if speed["high"] < 1 / MARGIN:
        return "slower"
    return "no clear difference"


def _paired(candidate: Samples, reference: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mine, my_medians = candidate.by_round()
    theirs, their_medians = reference.by_round()
    rounds, my_places, their_places = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    if len(rounds) == 0:
        raise ValueError(f'"{candidate.name}" and "{reference.name}" share no round: they were not measured together')
    # A time below the clock's own cost counts as one nanosecond: it cannot be told from it.
    return rounds, np.maximum(my_medians[my_places], 1), np.maximum(their_medians[their_places], 1)
