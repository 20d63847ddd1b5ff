import numpy as np
import pytest

from edgekit.latency.comparison import MARGIN, across, speedup, verdict
from edgekit.latency.samples import Samples


def samples(times, rounds=None, name="model"):
    return Samples(name, np.asarray(times), np.arange(len(times)) if rounds is None else np.asarray(rounds))


def test_the_ratio_is_paired_by_round():
    mood = np.repeat([1000, 5000, 2000, 9000], 10)
    assert speedup(samples(mood), samples(3 * mood)) == {"ratio": 3, "low": 3, "high": 3}


def test_the_ratio_of_the_one_to_the_other_is_the_inverse_of_the_other_way():
    rng = np.random.default_rng(0)
    one, other = samples(rng.normal(1000, 50, 301)), samples(rng.normal(1300, 50, 301))
    there, back = speedup(one, other), speedup(other, one)
    assert there["ratio"] == pytest.approx(1 / back["ratio"])
    assert there["low"] < 1.3 < there["high"]
    assert there["low"] == pytest.approx(1 / back["high"], rel=0.01)


def test_only_rounds_that_both_have_are_compared():
    one, other = samples([10, 10, 10], rounds=[0, 1, 2]), samples([20, 20, 900], rounds=[1, 2, 7])
    assert speedup(one, other)["ratio"] == 2


def test_samples_of_two_measurements_are_not_compared():
    with pytest.raises(ValueError, match='"a" and "b" share no round'):
        speedup(samples([1, 1], rounds=[0, 1], name="a"), samples([1, 1], rounds=[5, 6], name="b"))


def test_a_time_too_short_for_the_clock_is_no_infinite_speed():
    assert speedup(samples([0, 0]), samples([100, 100]))["ratio"] == 100


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.2, 1.4, "faster"),
        (0.7, 0.9, "slower"),
        (0.9, 1.3, "no clear difference"),
        (1.001, 1.004, "no clear difference"),
        (0.99, 0.995, "no clear difference"),
        (MARGIN + 0.001, 1.3, "faster"),
        (0.9, 1 / MARGIN - 0.001, "slower"),
    ],
    ids=["faster", "slower", "either", "less than memory does", "less than memory does, slower", "just", "just slower"],
)
def test_a_difference_is_clear_where_the_whole_interval_is_beyond_the_margin(low, high, said):
    assert verdict({"ratio": (low + high) / 2, "low": low, "high": high}) == said


def test_sessions_that_differ_widen_the_interval_of_their_speed_ups():
    def speeds(*ratios: float) -> list[dict[str, float]]:
        return [{"ratio": ratio, "low": ratio * 0.99, "high": ratio * 1.01} for ratio in ratios]

    alike = across(speeds(1.5, 1.5, 1.5, 1.5, 1.5))
    assert alike["ratio"] == pytest.approx(1.5)
    assert alike["low"] == pytest.approx(1.5 * 0.99, rel=1e-3)
    apart = across(speeds(1.4, 1.45, 1.5, 1.55, 1.6))
    # Student's interval over the logarithms: mean +- 2.776 s / sqrt(5)
    logs = np.log([1.4, 1.45, 1.5, 1.55, 1.6])
    half = 2.776 * logs.std(ddof=1) / 5**0.5
    assert apart["low"] == pytest.approx(np.exp(logs.mean() - half))
    assert apart["high"] == pytest.approx(np.exp(logs.mean() + half))
    assert across(speeds(1.5)) == pytest.approx({"ratio": 1.5, "low": 1.485, "high": 1.515}, rel=1e-3)
