from __future__ import annotations

import numpy as np

from edgekit.data.randomness import permutation, words


def test_the_stream_is_the_same_on_every_machine_and_under_every_numpy():
    assert words(2, 0, "view", 3).tolist() == [4470305405001349379, 2160290878000685561]
    assert permutation(8, 7, "epoch", 1).tolist() == [2, 4, 7, 0, 3, 1, 6, 5]


def test_seed_purpose_and_number_each_give_another_stream():
    streams = [words(4, *key).tolist() for key in ((0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1))]
    assert len({tuple(stream) for stream in streams}) == 4


def test_a_permutation_holds_every_number_once():
    order = permutation(1000, 0, "epoch")
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(1000))
    assert order.tolist() != list(range(1000))
