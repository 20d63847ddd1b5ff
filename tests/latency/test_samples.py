import numpy as np
import pytest

from edgekit.latency.samples import Samples


def test_the_summary_is_in_microseconds_with_an_interval_around_the_median():
    times = np.random.default_rng(0).normal(31_200, 500, 1000)
    summary = Samples("model", times, np.arange(1000) // 10).summary()
    assert list(summary) == ["p50_us", "p50_low_us", "p50_high_us", "p90_us", "n"]
    assert summary["p50_low_us"] < summary["p50_us"] < summary["p50_high_us"]
    assert summary["p50_us"] == pytest.approx(31.2, abs=0.1) and summary["n"] == 1000
    assert summary["p90_us"] == pytest.approx(31.84, abs=0.1)


@pytest.mark.parametrize(("n", "told"), [(661, False), (662, True)])
def test_p99_is_told_from_662_samples_on(n, told):
    assert (Samples("model", np.full(n, 1000), np.zeros(n)).percentile(99) == 1.0) is told


def test_times_without_their_rounds_are_refused():
    with pytest.raises(ValueError, match="3 times, but 2 round numbers and 2 of copies"):
        Samples("model", np.ones(3), np.ones(2))


def test_rounds_need_not_come_in_order():
    numbers, medians = Samples("model", np.array([5, 1, 7, 3]), np.array([2, 0, 2, 0])).by_round()
    assert numbers.tolist() == [0, 2] and medians.tolist() == [2, 6]


def test_sittings_are_joined_one_after_another():
    first = Samples("x", np.array([1, 2, 3]), np.array([0, 0, 1]))
    second = Samples("x", np.array([4, 5]), np.array([0, 1]), settled=False)
    joined = Samples.joined([first, second])
    assert joined.times_ns.tolist() == [1, 2, 3, 4, 5]
    assert joined.rounds.tolist() == [0, 0, 1, 2, 3]
    assert not joined.settled


def test_raw_times_come_back_with_their_rounds_and_copies():
    samples = Samples("x", np.arange(6), np.array([0, 0, 1, 1, 1, 2]), True, np.array([0, 0, 1, 1, 1, 0]), first_ns=9)
    said = samples.to_dict()
    assert said["bursts"] == [[0, 0, 2], [1, 1, 3], [2, 0, 1]]
    read = Samples.from_dict("x", said)
    assert read.to_dict() == said
    assert read.rounds.tolist() == samples.rounds.tolist() and read.copies.tolist() == samples.copies.tolist()
