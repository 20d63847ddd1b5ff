import numpy as np
import pytest

from edgekit import statistics

RNG = np.random.default_rng


@pytest.mark.parametrize(
    ("percentile", "needed"), [(90, 64), (95, 130), (99, 662), (99.9, 6636)], ids=["p90", "p95", "p99", "p99.9"]
)
def test_a_percentile_needs_as_many_samples_as_mlperf_says(percentile, needed):
    assert statistics.samples_needed(percentile) == needed


@pytest.mark.parametrize("percentile", [0, 100, -1])
def test_there_is_no_percentile_outside_0_to_100(percentile):
    with pytest.raises(ValueError, match="between 0 and 100"):
        statistics.samples_needed(percentile)


def test_a_percentile_of_too_few_times_is_not_told():
    assert statistics.percentile(np.arange(63), 90) is None
    assert statistics.percentile(np.arange(64), 90) == pytest.approx(56.7)


def test_the_median_is_told_of_any_number_of_times():
    assert statistics.percentile(np.array([7, 9]), 50) == 8


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (81, 263, 0.2553, 0.3662), (0, 0, 0, 1)],
    ids=["none", "all", "Newcombe 1998, table I", "nothing seen"],
)
def test_wilson_agrees_with_published_values(successes, n, low, high):
    assert statistics.wilson(successes, n) == pytest.approx((low, high), abs=1e-4)


def test_the_mean_of_right_and_wrong_has_wilsons_interval():
    scores = np.array([1.0] * 95 + [0.0] * 5)
    low, high = statistics.wilson(95, 100)
    assert statistics.mean_estimate(scores) == {"value": 0.95, "low": low, "high": high, "n": 100}


def test_the_mean_of_real_scores_has_a_bootstrap_interval_near_the_normal_one():
    scores = RNG(1).normal(3, 2, 400)
    found = statistics.mean_estimate(scores)
    half = 1.96 * scores.std() / 20
    assert found["value"] == pytest.approx(scores.mean())
    assert (found["low"], found["high"]) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=0.03)
    assert found == statistics.mean_estimate(scores), "the same scores must give the same interval"


def test_a_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no value"):
        statistics.mean_estimate(np.array([]))


def test_a_change_where_no_example_differs_still_has_a_width():
    scores = np.array([1.0, 0.0] * 180)
    change = statistics.paired_change(scores, scores)
    assert change["points"] == 0 and change["n"] == 360
    # Both shares of examples that differ may well be 1 in 362.
    assert change["low"] == -change["high"] == pytest.approx(-0.765, abs=0.001)


def test_a_change_counts_only_the_examples_that_differ():
    incumbent = np.array([1.0] * 900 + [0.0] * 100)
    candidate = incumbent.copy()
    candidate[:30] = 0
    candidate[-10:] = 1
    change = statistics.paired_change(candidate, incumbent)
    assert change["points"] == pytest.approx(-2)
    assert (change["low"], change["high"]) == pytest.approx((-3.26, -0.73), abs=0.01)


def test_a_change_may_be_the_whole_scale():
    change = statistics.paired_change(np.ones(5), np.zeros(5))
    assert change["points"] == change["high"] == 100 and change["low"] > 0


def test_the_interval_of_a_paired_change_covers_the_truth_as_often_as_it_says():
    rng = RNG(2)
    covered = 0
    for _ in range(300):
        kinds = rng.choice([0, 1, -1], size=200, p=[0.9, 0.03, 0.07])
        incumbent = (kinds < 0).astype(float)
        change = statistics.paired_change(incumbent + kinds, incumbent)
        covered += change["low"] <= -4 <= change["high"]
    assert covered >= 0.93 * 300


def test_a_change_of_real_scores_is_bootstrapped_over_pairs():
    incumbent = RNG(3).normal(0, 10, 500)
    candidate = incumbent + RNG(4).normal(0.01, 0.01, 500)
    change = statistics.paired_change(candidate, incumbent)
    assert change["points"] == pytest.approx(1, abs=0.1)
    assert change["high"] - change["low"] < 0.3, "the pairs share what is large in them"


@pytest.mark.parametrize("binary", [True, False], ids=["right and wrong", "real scores"])
@pytest.mark.parametrize("count", [5, 20])
def test_an_interval_over_groups_covers_the_truth_where_examples_hang_together(count, binary):
    rng = RNG(0)
    covered = alone = 0
    for _ in range(200):
        groups = np.repeat(np.arange(count), rng.integers(20, 60, count))
        share = (rng.beta(9, 1, count) if binary else rng.normal(0.9, 0.1, count))[groups]  # of mean 0.9
        scores = (rng.random(len(groups)) < share).astype(float) if binary else share + rng.normal(0, 0.1, len(groups))
        found, naive = statistics.mean_estimate(scores, groups), statistics.mean_estimate(scores)
        covered += found["low"] <= 0.9 <= found["high"]
        alone += naive["low"] <= 0.9 <= naive["high"]
    assert found["groups"] == count and found["n"] == len(scores)
    assert covered >= 0.89 * 200
    assert alone < 0.75 * 200, "windows of one recording are no examples of their own"


def test_a_change_over_groups_keeps_a_width_where_no_example_differs():
    scores, groups = np.ones(400), np.repeat(np.arange(8), 50)
    change = statistics.paired_change(scores, scores, groups)
    assert change["low"] == -change["high"] < -5, "eight recordings do not tell more than eight examples"
    assert statistics.mean_estimate(scores, groups)["low"] < 0.8


def test_a_group_for_every_example_changes_little():
    candidate, incumbent = RNG(1).random((2, 500)) < [[0.9], [0.92]]
    alone = statistics.paired_change(candidate.astype(float), incumbent.astype(float))
    each = statistics.paired_change(candidate.astype(float), incumbent.astype(float), np.arange(500))
    assert (each["low"], each["high"]) == pytest.approx((alone["low"], alone["high"]), abs=0.05)


def test_one_group_has_no_interval():
    found = statistics.mean_estimate(np.array([1.0, 0.0]), np.zeros(2, int))
    assert (found["low"], found["high"], found["groups"]) == (None, None, 1)


def test_scores_of_different_examples_cannot_be_paired():
    with pytest.raises(ValueError, match="3 and 4 examples"):
        statistics.paired_change(np.ones(3), np.ones(4))


def test_the_interval_of_a_median_contains_it_and_shrinks_with_more_rounds():
    widths = []
    for count in (50, 800):
        times = RNG(5).normal(100, 10, count)
        low, high = statistics.median_interval(times, np.arange(count))
        assert low <= np.median(times) <= high
        widths.append(high - low)
    assert widths[1] < 0.4 * widths[0]


def test_a_thousand_times_of_one_moment_are_not_a_thousand_observations():
    rounds = np.repeat(np.arange(40), 500)
    times = RNG(6).normal(100, 10, 40)[rounds] + RNG(7).normal(0, 5, len(rounds))
    widths = [
        high - low for low, high in (statistics.median_interval(times, r) for r in (rounds, RNG(8).permutation(rounds)))
    ]
    assert widths[0] > 10 * widths[1]


def test_the_interval_of_a_median_covers_the_truth_where_rounds_are_correlated():
    rng = RNG(8)
    covered = 0
    for _ in range(60):
        noise = rng.normal(0, 1, 205)
        rounds = np.convolve(noise, np.ones(5) / 5, "valid")  # neighbours share four fifths of their noise
        low, high = statistics.median_interval(rounds, np.arange(len(rounds)))
        covered += low <= 0 <= high
    assert covered >= 52


@pytest.mark.parametrize(
    ("n", "quantile"), [(2, 12.7062), (5, 2.7764), (6, 2.5706), (8, 2.3646), (11, 2.2281), (31, 2.0423), (64, 1.9983)]
)
def test_students_interval_is_as_wide_as_the_tables_say(n, quantile):
    values = RNG(n).normal(5, 2, n)
    low, high = statistics.student_interval(values)
    assert (low + high) / 2 == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(quantile * values.std(ddof=1) / n**0.5, rel=3e-4)


def test_students_interval_holds_the_truth_as_often_as_it_says():
    rng = RNG(0)
    held = [low <= 3 <= high for low, high in (statistics.student_interval(rng.normal(3, 1, 5)) for _ in range(1000))]
    assert 930 <= sum(held) <= 970


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match="1 values have no interval"):
        statistics.student_interval(np.ones(1))


def test_a_single_time_is_its_own_interval():
    assert statistics.median_interval(np.array([5.0]), np.array([0])) == (5.0, 5.0)


def test_a_median_of_very_many_times_is_bounded_in_memory_and_exact_enough():
    times = RNG(9).normal(1000, 50, 200_000)
    low, high = statistics.median_interval(times, np.arange(len(times)) // 10)
    assert low < np.median(times) < high and high - low < 1.5


def test_the_calibration_error_is_the_mean_gap_of_the_bins():
    # Bins of 1/15: 0.95 and 0.99 share the last, 0.70 and 0.72 the eleventh; 0.2 = 3/15 is in the bin that it closes.
    confidence = np.array([0.95, 0.99, 0.70, 0.72, 0.2, 0.19])
    correct = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    found = statistics.calibration(confidence, correct)
    assert [each["n"] for each in found["bins"]] == [2, 2, 2]
    assert found["bins"][1] == {"n": 2, "confidence": pytest.approx(0.71), "correct": 0.5}
    assert found["ece"] == pytest.approx((2 * 0.03 + 2 * 0.21 + 2 * 0.195) / 6)
    assert found["n"] == 6


def test_a_model_as_sure_as_it_should_be_stays_below_chance_in_95_of_100():
    rng = RNG(3)
    below = 0
    for _ in range(60):
        confidence = 1 - 0.8 * rng.random(300) ** 2
        found = statistics.calibration(confidence, (rng.random(300) < confidence).astype(float))
        below += found["ece"] <= found["chance"]
    assert 53 <= below <= 60


def test_a_model_that_is_too_sure_is_above_chance():
    correct = (np.arange(2000) % 10 > 0).astype(float)
    found = statistics.calibration(np.full(2000, 0.97), correct)
    assert found["ece"] == pytest.approx(0.07)
    assert found["chance"] < 0.02
    assert found == statistics.calibration(np.full(2000, 0.97), correct)


@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_a_confidence_at_either_end_has_a_bin(confidence):
    assert statistics.calibration(np.array([confidence]), np.array([confidence]))["ece"] == 0


def test_a_calibration_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no value"):
        statistics.calibration(np.array([]), np.array([]))


def test_f1_is_counted_over_all_examples():
    told = np.array([1, 1, 1, 0, 0, 0, 1, 0], dtype=bool)
    true = np.array([1, 1, 0, 1, 0, 0, 1, 0], dtype=bool)
    found = statistics.f1_estimate(told, true)
    assert found["value"] == 2 * 3 / (2 * 3 + 1 + 1)
    assert found["n"] == 8
    assert 0 <= found["low"] < 0.75 < found["high"] <= 1
    assert found == statistics.f1_estimate(told, true), "the same answers must give the same interval"


def test_f1_of_groups_is_as_unsure_as_their_number():
    told, true = np.tile([True, True, False], 100), np.repeat([True, False, True, False], 75)
    alone = statistics.f1_estimate(told, true)
    groups = statistics.f1_estimate(told, true, np.repeat(np.arange(4), 75))
    assert groups["value"] == alone["value"]
    assert groups["groups"] == 4
    assert groups["high"] - groups["low"] > alone["high"] - alone["low"]
    assert statistics.f1_estimate(told, true, np.zeros(300))["low"] is None


@pytest.mark.parametrize(
    ("told", "true", "value"),
    [(0, 0, 1.0), (0, 1, 0.0), (1, 0, 0.0), (1, 1, 1.0)],
    ids=["nothing to find", "nothing found", "all invented", "all found"],
)
def test_f1_at_its_ends_has_an_interval_that_holds_it(told: int, true: int, value: float):
    found = statistics.f1_estimate(np.full(9, told, dtype=bool), np.full(9, true, dtype=bool))
    assert (found["value"], found["low"], found["high"]) == (value, value, value)
