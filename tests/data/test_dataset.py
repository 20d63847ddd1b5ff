from __future__ import annotations

import time

import numpy as np
import pytest

from edgekit.data.dataset import Dataset, Split


def split(*values: int) -> Split:
    return Split(np.array(values, dtype=np.uint8).reshape(-1, 1, 1, 1), np.zeros(len(values), dtype=np.int64))


def test_equal_content_has_one_fingerprint():
    one, two = (Dataset(split(1, 2), split(3), split(4), ["a"]) for _ in range(2))
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        Dataset(split(1, 9), split(3), split(4), ["a"]),
        Dataset(split(2, 1), split(3), split(4), ["a"]),
        Dataset(split(1, 3), split(2), split(4), ["a"]),
        Dataset(split(1), split(2, 3), split(4), ["a"]),
        Dataset(split(1, 2), split(3), split(4), ["b"]),
        Dataset(Split(split(1, 2).inputs, np.array([0, 1])), split(3), split(4), ["a"]),
        Dataset(Split(split(1, 2).inputs.reshape(1, 2, 1, 1), np.array([0])), split(3), split(4), ["a"]),
        Dataset(Split(split(1, 2).inputs, np.array([0, 0]), np.array([0, 0])), split(3), split(4), ["a"]),
    ],
    ids=[
        "a pixel",
        "the order",
        "who is held out",
        "how many are held out",
        "a name",
        "a label",
        "the shape",
        "groups",
    ],
)
def test_the_fingerprint_tells_a_change_of(other):
    assert other.fingerprint != Dataset(split(1, 2), split(3), split(4), ["a"]).fingerprint


def test_sixty_thousand_images_are_fingerprinted_within_a_second():
    many = Split(np.zeros((60_000, 28, 28, 1), dtype=np.uint8), np.zeros(60_000, dtype=np.int64))
    start = time.perf_counter()
    assert many.fingerprint
    assert time.perf_counter() - start < 1
