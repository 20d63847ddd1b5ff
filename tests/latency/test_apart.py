import numpy as np
import pytest

from edgekit.latency.apart import speedup
from edgekit.latency.comparison import verdict
from edgekit.latency.samples import Samples


def samples(us, copies=8, n=1600, *, apart=0.0, mood=0.0, seed=0):
    """Make times of live copies that differ by `apart`, on a machine whose mood moves by `mood`, both as sd."""
    rng = np.random.default_rng(seed)
    rounds = np.arange(n)
    copy = rounds % copies
    moods = np.repeat(rng.normal(0, mood, 16), n // 16)
    times = us * 1000 * np.exp(rng.normal(0, apart, copies)[copy] + moods + rng.normal(0, 0.005, n))
    return Samples("model", times.astype(int), rounds, True, copy)


def width(speed):
    return speed["high"] / speed["low"] - 1


def test_the_ratio_is_that_of_the_medians():
    speed = speedup(samples(50), samples(100, seed=1))
    assert speed["ratio"] == pytest.approx(2, rel=0.01) and verdict(speed) == "faster"
    back = speedup(samples(100, seed=1), samples(50))
    assert back["ratio"] == pytest.approx(1 / speed["ratio"]) and back["low"] == pytest.approx(1 / speed["high"])


def test_what_only_processes_differ_by_is_no_clear_difference():
    assert verdict(speedup(samples(100), samples(104, seed=1))) == "no clear difference"
    assert verdict(speedup(samples(110), samples(100, seed=1))) == "slower"


def test_copies_that_differ_widen_the_interval():
    alike, apart = (speedup(samples(100, apart=sd), samples(100, apart=sd, seed=1)) for sd in (0, 0.1))
    assert width(apart) > 2 * width(alike)


def test_a_mood_that_moves_widens_the_interval():
    calm, moody = (speedup(samples(100, mood=sd), samples(100, mood=sd, seed=1)) for sd in (0, 0.2))
    assert width(moody) > 2 * width(calm)


def test_a_single_copy_is_trusted_no_further_than_copies_commonly_differ():
    one = speedup(samples(100, copies=1), samples(110, copies=1, seed=1))
    assert verdict(one) == "no clear difference" and 0.2 < width(one) < 0.4


def test_few_copies_are_trusted_less_than_many():
    def typical(copies):
        pairs = [[samples(100, copies, apart=0.05, seed=seed + way) for way in (0, 1)] for seed in range(0, 40, 2)]
        return np.median([width(speedup(*pair)) for pair in pairs])

    assert typical(3) > 1.5 * typical(16)


@pytest.mark.parametrize("apart", [0.0, 0.04], ids=["copies alike", "copies apart"])
def test_of_models_that_are_alike_few_are_claimed_to_differ(apart):
    """Process and process differ by 1.4 % here, as they were seen to."""
    rng = np.random.default_rng(1)
    times = 100 * np.exp(rng.normal(0, 0.014, 120))
    made = [samples(us, n=320, apart=apart, mood=0.015, seed=seed) for seed, us in enumerate(times)]
    found = [speedup(one, other) for one, other in zip(made[::2], made[1::2], strict=True)]
    held = [speed["low"] <= 1 <= speed["high"] for speed in found]
    assert sum(held) >= 0.9 * len(held)
    assert sum(verdict(speed) != "no clear difference" for speed in found) <= 0.05 * len(found)


def test_a_time_too_short_for_the_clock_is_no_infinite_speed():
    zero = Samples("model", np.zeros(20), np.arange(20))
    assert speedup(zero, Samples("model", np.full(20, 100), np.arange(20)))["ratio"] == pytest.approx(100)
