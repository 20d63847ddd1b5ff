"""Random words that are the same on every machine and under every numpy. Imports numpy alone.

numpy promises that a bit generator's raw stream never changes; it does not promise this of what `Generator` makes of
the stream (`permutation`, `integers`). So the raw words are taken here, and turned into choices by plain arithmetic.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.array([0x9E3779B97F4A7C15], dtype=np.uint64)  # of an array, products wrap without a word
_FIRST, _SECOND = (np.array([value], dtype=np.uint64) for value in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def words(count: int, seed: int, purpose: str, number: int = 0) -> NDArray[np.uint64]:
    """Return `count` words of 64 random bits, a stream of its own for every (seed, purpose, number)."""
    stream = np.random.Philox(key=_key(seed, purpose, number))
    return np.asarray(stream.random_raw(count), dtype=np.uint64)


def words_at(index: NDArray[np.int64], count: int, seed: int, purpose: str, number: int = 0) -> NDArray[np.uint64]:
    """Return `count` words for each of the examples `index` int64 [b], uint64 [b,count], whatever else is asked for.

    They are computed from the example's number (SplitMix64, Steele et al. 2014), for sets too large to draw for all.
    """
    first = index.astype(np.uint64)[:, None] * np.uint64(count)
    places = np.add(first, np.arange(1, count + 1, dtype=np.uint64), dtype=np.uint64)
    return mixed(key_of(seed, purpose, number) + places * GOLDEN)


def key_of(seed: int, purpose: str, number: int = 0) -> NDArray[np.uint64]:
    """Return the key of a stream of computed words, uint64 [1]."""
    return _key(seed, purpose, number)[:1]


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return words, uint64 as `values` are, whose bits all hang on all bits of theirs. New memory."""
    values = values ^ (values >> np.uint64(30))
    values *= _FIRST
    values ^= values >> np.uint64(27)
    values *= _SECOND
    values ^= values >> np.uint64(31)
    return values


def permutation(count: int, seed: int, purpose: str, number: int = 0) -> NDArray[np.int64]:
    """Return 0..count-1 in random order, int64 [count]."""
    return np.argsort(words(count, seed, purpose, number), kind="stable").astype(np.int64, copy=False)


def _key(seed: int, purpose: str, number: int) -> NDArray[np.uint64]:
    key = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    return np.frombuffer(key[:16], dtype="<u8").astype(np.uint64)
