"""How many of n queries may take longer than a bound before it may no longer be said that 99 % keep it.

MLPerf's early stopping (github.com/mlcommons/inference, loadgen/early_stopping.cc) at 99 % confidence, without margin.
Standard library alone.
"""

from __future__ import annotations

import math

_DOUBT = 0.01  # the probability with which it may be said wrongly


def allowed(n: int, percentile: float = 99) -> int:
    """Return how many overruns of `n` still show that `percentile` of all queries keep the bound; -1 where none would.

    The largest t for which t or fewer of n queries overrun with a probability of at most 1 %, were the true share of
    overruns (100 - percentile) / 100: 0 from 459 queries on for p99, 1 from 662, 2 from 838.
    """
    share = 1 - percentile / 100
    chance = total = (1 - share) ** n  # of no overrun, and of t or fewer
    if total == 0 and n:  # too small for a float: the first terms are worked out by their logarithms
        return _by_logarithms(n, share)
    t = -1
    while total <= _DOUBT:
        t += 1
        chance *= (n - t) / (t + 1) * share / (1 - share)
        total += chance
    return t


def _by_logarithms(n: int, share: float) -> int:
    chance, total, t = n * math.log1p(-share), 0.0, -1
    while (total := total + math.exp(chance)) <= _DOUBT:
        t += 1
        chance += math.log((n - t) / (t + 1) * share / (1 - share))
    return t
