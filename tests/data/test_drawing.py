from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from edgekit.data.dataset import Split
from edgekit.data.drawing import Held, Order, shuffled, some
from edgekit.data.randomness import key_of, words_at


def every(index, step: int = 777) -> np.ndarray:
    return np.concatenate([index[at : at + step] for at in range(0, len(index), step)])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000, 1023, 1024, 5000])
def test_a_computed_order_has_every_place_once_and_hangs_on_its_key(size):
    first, other = (shuffled(np.arange(size), size, key_of(seed, "x")) for seed in (0, 1))
    assert sorted(first) == sorted(other) == list(range(size))
    assert size < 100 or np.mean(first == other) < 0.05
    assert np.array_equal(shuffled(np.array([size - 1, 0]), size, key_of(0, "x")), first[[-1, 0]])


def test_every_order_of_a_few_is_as_likely():
    counts = Counter(tuple(shuffled(np.arange(4), 4, key_of(seed, "x"))) for seed in range(4800))
    assert len(counts) == 24
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 50  # chi squared, 23 degrees: 49.7 at 0.1 %


def test_a_computed_order_is_the_same_on_every_machine():
    assert shuffled(np.arange(6), 100, key_of(0, "x")).tolist() == [42, 37, 12, 32, 19, 75]
    assert words_at(np.array([7]), 2, 0, "x").tolist() == [[11338467200714963553, 13104140423766912566]]


@pytest.mark.parametrize("total", [10, 1024, 1025, 5000])
@pytest.mark.parametrize("fraction", [0.1, 0.37, 0.89])
def test_a_computed_hold_out_is_exact_and_loses_none(total, fraction):
    held, rest = (Held(total, fraction, 0, "test", out) for out in (True, False))
    assert len(held) == int(total * fraction + 0.5)
    places = [index[np.arange(len(index))] for index in (held, rest)]
    assert sorted(np.concatenate(places)) == list(range(total))
    assert repr(held) != repr(rest) != repr(Held(total, fraction, 1, "test", False))


def test_a_hold_out_is_drawn_evenly_from_the_whole_set():
    held = Held(100_000, 0.2, 0, "test", True)
    found = held[np.arange(len(held))]
    counts, _ = np.histogram(found, bins=97, range=(0, 100_000))
    assert np.abs(counts / counts.mean() - 1).max() < 0.15
    assert np.abs(np.bincount(found % 10) / 2000 - 1).max() < 0.08


@pytest.mark.parametrize(
    ("count", "row_bytes"),
    [(3, 64), (1000, 64), (5000, 1 << 15), (70_000, 4096), (2000, 1 << 20)],
    ids=["few", "less than a block", "pools of two rows", "pools of sixteen", "rows larger than a block"],
)
def test_an_epoch_has_every_row_once_however_it_is_asked_for(count, row_bytes):
    order = Order(count, row_bytes, 0, 0)
    found = every(order)
    assert sorted(found) == list(range(count))
    assert np.array_equal(every(order, 100), found)
    assert count < 100 or abs(np.corrcoef(found, np.arange(count))[0, 1]) < 0.1
    assert count < 100 or np.mean(every(Order(count, row_bytes, 0, 1)) == found) < 0.05


def test_a_batch_of_a_set_that_is_sorted_by_class_varies_as_little_as_is_said():
    order = Order(1 << 18, 4096, 0, 0)  # blocks of 16, pools of 16,384
    share = (every(order, 4096).reshape(-1, 256) < 1 << 17).mean(axis=1)
    alone = 0.25 / 256
    assert share.mean() == pytest.approx(0.5)
    assert 0.85 * alone < share.var() < (1 + 256 / 1024) * 1.1 * alone


def test_some_examples_in_memory_are_those_that_they_always_were():
    split = Split(np.zeros((50, 2), np.float32), np.zeros(50, np.int64))
    assert np.array_equal(some(split, 9, 3), np.random.default_rng(3).permutation(50)[:9])
