import numpy as np
import pytest

from edgekit.graph.histograms import METHODS, Histogram


def of(*batches: np.ndarray) -> Histogram:
    histogram = Histogram()
    for batch in batches:
        histogram.add(np.asarray(batch, np.float32))
    return histogram


def test_counts_stay_when_a_later_batch_reaches_further() -> None:
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    late = of(values, np.array([100.0]))
    early = of(np.array([100.0]), values)
    assert late.edge == early.edge == 128
    assert late.counts.sum() == 10_001
    assert np.array_equal(late.counts, early.counts)


def test_memory_does_not_grow_with_the_batches() -> None:
    histogram = of(*(np.random.default_rng(seed).normal(size=1000) * 10**seed for seed in range(6)))
    assert histogram.counts.nbytes == 4096 * 8 and histogram.counts.sum() == 6000


def test_a_percentile_cuts_a_lone_outlier_off_and_little_else() -> None:
    values = np.random.default_rng(0).uniform(-1, 1, 200_000)
    histogram = of(np.append(values, [60.0]))
    low, high = histogram.cut("percentile", -1.0, 60.0)
    assert -1.0 <= low < -0.95 and 0.95 < high < 1.1


def test_entropy_cuts_a_long_tail_and_leaves_a_flat_distribution_whole() -> None:
    rng = np.random.default_rng(0)
    tail = np.append(rng.normal(0, 1, 200_000), rng.uniform(20, 60, 20))
    low, high = of(tail).cut("entropy", float(tail.min()), 60.0)
    assert 3 < high < 40 and low == pytest.approx(tail.min())
    flat = rng.uniform(-1, 1, 200_000)
    assert of(flat).cut("entropy", -1.0, 1.0)[1] > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_that_is_always_zero_keeps_its_range(method) -> None:
    assert of(np.zeros(10)).cut(method, 0.0, 0.0) == (0.0, 0.0)


def test_min_max_cuts_nothing() -> None:
    assert of(np.array([-3.0, 5.0])).cut("min-max", -3.0, 5.0) == (-3.0, 5.0)
