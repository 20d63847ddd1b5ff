import math

import pytest

from edgekit.latency.scenarios.early_stopping import allowed

# MLPerf's table at 99 % confidence: how many queries show a percentile with 0, 1, 2, 5 and 10 overruns.
NEEDED = {
    90: {0: 44, 1: 64, 2: 81, 5: 127, 10: 197},
    95: {0: 90, 1: 130, 2: 165, 5: 259, 10: 398},
    99: {0: 459, 1: 662, 2: 838, 5: 1307, 10: 2010},
    99.9: {0: 4603, 1: 6636, 2: 8403, 5: 13105, 10: 20140},
}


@pytest.mark.parametrize("percentile", NEEDED)
def test_so_many_queries_show_it_and_one_fewer_does_not(percentile):
    for overruns, n in NEEDED[percentile].items():
        assert (allowed(n, percentile), allowed(n - 1, percentile)) == (overruns, overruns - 1)


def test_no_queries_show_nothing():
    assert allowed(0) == -1


@pytest.mark.parametrize("n", [3000, 40_000, 80_000])
def test_many_queries_are_worked_out_exactly(n):
    chances = [math.exp(math.lgamma(n + 1) - math.lgamma(t + 1) - math.lgamma(n - t + 1) + t * math.log(0.01)
                        + (n - t) * math.log(0.99)) for t in range(allowed(n) + 2)]  # fmt: skip
    assert sum(chances[:-1]) <= 0.01 < sum(chances)
