import numpy as np
import pytest

from edgekit.latency.comparison import MARGIN, gate, speedup, verdict
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


def copied(of_copy, rounds=12, noise=0.0, seed=0, name="model"):
    """Times of a round each, copy after copy; `of_copy`: what each copy takes."""
    rng = np.random.default_rng(seed)
    copies = np.arange(rounds * len(of_copy)) % len(of_copy)
    times = np.asarray(of_copy)[copies] * np.exp(rng.normal(0, noise, len(copies)))
    return Samples(name, times, np.arange(len(copies)), copies=copies)


def test_over_several_copies_the_interval_is_students_over_the_pairs():
    ours, theirs = [1000, 1000, 1000, 1000, 1000], [1400, 1450, 1500, 1550, 1600]
    logs = np.log(np.array(theirs) / 1000)
    half = 2.776 * logs.std(ddof=1) / 5**0.5
    assert speedup(copied(ours), copied(theirs)) == pytest.approx(
        {"ratio": np.exp(logs.mean()), "low": np.exp(logs.mean() - half), "high": np.exp(logs.mean() + half)}, rel=1e-4
    )


def test_timing_the_same_copies_for_longer_does_not_narrow_how_copies_differ():
    theirs = np.exp(np.random.default_rng(3).normal(0, 0.05, 8)) * 1000
    short, long = (speedup(copied(np.full(8, 1000), rounds), copied(theirs, rounds)) for rounds in (5, 200))
    assert short == pytest.approx(long, rel=1e-6)


def test_where_one_has_a_single_copy_each_copy_of_the_other_is_a_pair_with_it():
    single = Samples("single", np.full(60, 1000), np.arange(60))
    speed = speedup(single, copied([1000, 1100, 1200, 1300, 1400]))
    assert speed["ratio"] == pytest.approx(np.exp(np.log([1, 1.1, 1.2, 1.3, 1.4]).mean()), rel=1e-3)
    assert speed["low"] < 1.05 < 1.35 < speed["high"]


def test_calls_that_another_program_lengthens_do_not_count():
    """Of the one, a third of the calls are hit, of the other two thirds."""
    rng = np.random.default_rng(0)
    rounds = np.arange(2000) // 20
    one, other = (
        Samples("x", 1000 * np.exp(rng.normal(0, 0.01, 2000)) * np.where(rng.random(2000) < hit, 4, 1), rounds)
        for hit in (1 / 3, 2 / 3)
    )
    assert speedup(one, other)["ratio"] == pytest.approx(1, abs=0.01)
    assert other.p50 > 2 * one.p50


def test_bursts_of_different_lengths_are_compared_fairly():
    rng = np.random.default_rng(0)
    few, many = (
        Samples("x", 1000 * np.exp(rng.normal(0, 0.1, 400 * size)), np.arange(400 * size) // size) for size in (10, 40)
    )
    assert speedup(few, many)["ratio"] == pytest.approx(1, abs=0.015)


def test_copies_that_differ_by_luck_are_seldom_called_faster_or_slower():
    """The copies of one model differ by 6 %, as they do where its weights just fill a cache."""
    rng = np.random.default_rng(0)
    said = []
    for seed in range(200):
        one, other = (copied(1000 * np.exp(rng.normal(0, 0.045, 32)), 8, 0.02, seed + at) for at in (0, 1000))
        said.append(verdict(speedup(one, other)))
    assert said.count("no clear difference") >= 190


def test_a_slowing_by_a_twentieth_is_found_among_copies_that_differ():
    rng = np.random.default_rng(1)
    said = []
    for seed in range(200):
        one, other = (1000 * by * np.exp(rng.normal(0, 0.03, 32)) for by in (1, 1.05))
        said.append(verdict(speedup(copied(other, 8, 0.02, seed), copied(one, 8, 0.02, seed + 1000))))
    assert said.count("slower") >= 180


@pytest.mark.parametrize(
    ("high", "allowed", "held"),
    [
        (0.90, 0.05, False),
        (0.94, 0.05, False),
        (0.96, 0.05, True),
        (0.995, 0, True),
        (0.98, 0, False),
        (1.2, 0.05, True),
    ],
    ids=["clearly", "just", "within", "within the margin", "none allowed", "faster"],
)
def test_a_gate_holds_until_all_of_the_interval_is_beyond_it(high, allowed, held):
    speed = {"ratio": high - 0.02, "low": high - 0.04, "high": high}
    assert gate({"model": speed}, allowed) == ([] if held else ["model"])


def test_a_gate_allows_no_less_than_nothing():
    with pytest.raises(ValueError, match="longer by"):
        gate({}, -0.1)
