"""How much faster one subject is than another, and whether that is clear. Imports statistics and this room alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from edgekit import statistics
from edgekit.latency.samples import Samples

# Less is worth nobody's while, and where there is but one copy of each it is no property of the model.
MARGIN = 1.01


def speedup(candidate: Samples, reference: Samples) -> dict[str, float]:
    """Return {"ratio", "low", "high"}: how many times faster `candidate` is; above 1 it is the faster one.

    The two must come from one `interleave`: what is compared is what each took in the same rounds, so that what slows
    both alike leaves the ratio untouched. Of a burst counts the lowest decile: another program only ever lengthens a
    call. Beside several busy ones, on two cores, that made what two copies of a model of convolutions seem to differ by
    0.3 % (standard deviation), of one of 25 MB by 4; their medians made it 1.7 and 8.

    Of every pair of live copies comes the median ratio over its rounds, and of the pairs the geometric mean with
    Student's 95 % interval: how copies differ is most of what is not known. Where there is one pair alone it is the
    median over its rounds with its bootstrap interval, which says nothing of other copies.
    """
    ratios, rounds, pairs = _paired(candidate, reference)
    of_pair = [float(np.median(ratios[pairs == pair])) for pair in np.unique(pairs)]
    if len(of_pair) == 1:
        ratio = of_pair[0]
        low, high = statistics.median_interval(ratios, rounds)
        return {"ratio": ratio, "low": min(low, ratio), "high": max(high, ratio)}
    logs = np.log(of_pair)
    low, high = statistics.student_interval(logs)
    return {"ratio": float(np.exp(logs.mean())), "low": float(np.exp(low)), "high": float(np.exp(high))}


def verdict(speed: Mapping[str, float]) -> Literal["faster", "slower", "no clear difference"]:
    """Put what `speedup` found into words: a difference is clear where its whole interval lies beyond MARGIN."""
    if speed["low"] > MARGIN:
        return "faster"
    if speed["high"] < 1 / MARGIN:
        return "slower"
    return "no clear difference"


def gate(speeds: Mapping[str, Mapping[str, float]], allowed: float) -> list[str]:
    """Return the names in `speeds`, each a speed-up over its reference, that take clearly longer than they may.

    `allowed`: the part of the reference's time by which a time may be longer, as 0.05. Clearly: the whole interval says
    so, and by more than MARGIN.
    """
    if allowed < 0:
        raise ValueError(f"a time cannot be allowed to be longer by {allowed:g}")
    return [name for name, speed in speeds.items() if speed["high"] < 1 / max(1 + allowed, MARGIN)]


def _paired(candidate: Samples, reference: Samples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of every round that both have: the ratio, its number, and which pair of copies it was."""
    mine, theirs = candidate.by_round(), reference.by_round()
    rounds, my, their = np.intersect1d(mine.numbers, theirs.numbers, assume_unique=True, return_indices=True)
    if len(rounds) == 0:
        raise ValueError(f'"{candidate.name}" and "{reference.name}" share no round: they were not measured together')
    # A time below the clock's own cost counts as one nanosecond: it cannot be told from it.
    ratios = np.maximum(theirs.lows[their], 1) / np.maximum(mine.lows[my], 1)
    pairs = mine.copies[my].astype(np.int64) << 16 | theirs.copies[their]
    return ratios, rounds, pairs
