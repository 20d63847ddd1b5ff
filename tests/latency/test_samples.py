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
    samples = Samples("model", np.array([5, 1, 7, 3]), np.array([2, 0, 2, 0]), copies=np.array([4, 1, 4, 1]))
    found = samples.by_round()
    assert found.numbers.tolist() == [0, 2] and found.medians.tolist() == [2, 6] and found.copies.tolist() == [1, 4]


@pytest.mark.parametrize(("q", "n"), [(90, 64), (95, 130), (99, 662), (99.9, 6636)])
def test_a_percentile_that_is_not_told_lacks_so_many_times(q, n):
    assert Samples("model", np.full(n, 1000), np.zeros(n)).lacking(q) == 0
    few = Samples("model", np.full(n - 60, 1000), np.zeros(n - 60))
    assert few.lacking(q) == 60 and few.percentile(q) is None


def test_how_copies_differ_is_in_the_interval_of_the_median():
    rng = np.random.default_rng(0)
    rounds = np.arange(400)
    copies = rounds % 8
    times = (1000 * np.exp(rng.normal(0, 0.05, 8)))[copies] * np.exp(rng.normal(0, 0.01, 400))
    widths = [high - low for low, high in (Samples("x", times, rounds, copies=c).interval() for c in (copies, None))]
    assert widths[0] > 2 * widths[1]


def test_raw_times_come_back_with_their_rounds_and_copies():
    samples = Samples("x", np.arange(6), np.array([0, 0, 1, 1, 1, 2]), True, np.array([0, 0, 1, 1, 1, 0]), first_ns=9)
    said = samples.to_dict()
    assert said["bursts"] == [[0, 0, 2], [1, 1, 3], [2, 0, 1]]
    read = Samples.from_dict("x", said)
    assert read.to_dict() == said
    assert read.rounds.tolist() == samples.rounds.tolist() and read.copies.tolist() == samples.copies.tolist()
