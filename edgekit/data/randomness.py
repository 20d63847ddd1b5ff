"""Random words that are the same on every machine and under every numpy. Imports numpy alone.

numpy promises that a bit generator's raw stream never changes; it does not promise this of what `Generator` makes of
the stream (`permutation`, `integers`). So the raw words are taken here, and turned into choices by plain arithmetic.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def words(count: int, seed: int, purpose: str, number: int = 0) -> NDArray[np.uint64]:
    """Return `count` words of 64 random bits, a stream of its own for every (seed, purpose, number)."""
    key = hashlib.sha256(f"{seed}/{purpose}/{number}".encode()).digest()
    stream = np.random.Philox(key=np.frombuffer(key[:16], dtype="<u8").astype(np.uint64))
    return np.asarray(stream.random_raw(count), dtype=np.uint64)


def permutation(count: int, seed: int, purpose: str, number: int = 0) -> NDArray[np.int64]:
    """Return 0..count-1 in random order, int64 [count]."""
    return np.argsort(words(count, seed, purpose, number), kind="stable").astype(np.int64, copy=False)
