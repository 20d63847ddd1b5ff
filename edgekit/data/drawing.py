"""Orders that are computed and not kept: sets of any size are split and shuffled in a few kilobytes. numpy.

What `randomness.permutation` would draw for a set in memory takes 8 bytes and more for every row. Here a row's place is
worked out when it is asked for, from its number and a key, and is the same on every machine.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from edgekit.data.dataset import Split
from edgekit.data.randomness import GOLDEN, key_of, mixed
from edgekit.data.rows import sharded

_ROUNDS = 4
_BLOCK = 1024  # rows that a hold-out draws from at a time
_BLOCK_BYTES = 1 << 16  # what an epoch reads side by side
_POOL = 1024  # blocks, at least, whose rows an epoch shuffles together


def shuffled(places: NDArray[np.int64], size: int, key: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where the permutation of 0..size-1 named by `key` (one for all, or one for each) puts `places` int64 [b].

    A Feistel network over a rectangle of a*b >= size places, of which those beyond the size are walked on from (Black
    and Rogaway 2002, "Ciphers with arbitrary finite domains").
    """
    across = isqrt(size - 1) + 1
    down = -(-size // across)
    keys = np.broadcast_to(key, places.shape)
    found = _once(places.astype(np.uint64), keys, down, across)
    beyond = np.flatnonzero(found >= size)
    while len(beyond):
        found[beyond] = _once(found[beyond], keys[beyond], down, across)
        beyond = beyond[found[beyond] >= size]
    return found.astype(np.int64)


def _once(places: NDArray[np.uint64], key: NDArray[np.uint64], down: int, across: int) -> NDArray[np.uint64]:
    left = places // np.uint64(across)
    right = places - left * np.uint64(across)
    for turn in range(2 * _ROUNDS):
        key = key + GOLDEN
        if turn % 2:
            right = _added(right, left, key, across)
        else:
            left = _added(left, right, key, down)
    return left * np.uint64(across) + right


def _added(
    one: NDArray[np.uint64], other: NDArray[np.uint64], key: NDArray[np.uint64], size: int
) -> NDArray[np.uint64]:
    """Return (one + a random number in 0..size-1 that hangs on `other`) modulo size; of 32 bits, size is far fewer."""
    limit = np.uint64(size)
    total = one + ((mixed(other + key) >> np.uint64(32)) * limit >> np.uint64(32))
    total -= limit * (total >= limit)
    return total


def some(split: Split, count: int, seed: int) -> NDArray[np.int64]:
    """Return the places of `count` examples of a split, or of all it has, drawn by the seed, int64 [count]."""
    size = len(split)
    if sharded(split.inputs):
        return shuffled(np.arange(min(count, size)), size, key_of(seed, "some"))
    return np.random.default_rng(seed).permutation(size)[:count]


class Held:
    """Which of `total` rows are held out, or are left, as an index that is computed.

    Of every 1,024 rows of the set, one after the other, so many are drawn that the count is exact: total * fraction,
    rounded. They come in the order of these blocks, and within a block in an order of their own.
    """

    def __init__(self, total: int, fraction: float, seed: int, purpose: str, out: bool) -> None:
        self._said = total, fraction, seed, purpose, out
        self._out, self._key, self.total = out, key_of(seed, purpose), total
        edges = np.minimum(np.arange(-(-total // _BLOCK) + 1) * _BLOCK, total)
        held = np.floor(edges * fraction + 0.5).astype(np.int64)
        self._drawn = np.diff(held)  # of each block
        self._starts = held if out else edges - held

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        block = np.searchsorted(self._starts, places, side="right") - 1
        offset = places - self._starts[block] + (0 if self._out else self._drawn[block])
        key = mixed(self._key + block.astype(np.uint64) * GOLDEN)
        whole = self.total // _BLOCK
        if len(block) and block.max() < whole:
            return block * _BLOCK + shuffled(offset, _BLOCK, key)
        last = block == whole
        found = np.empty_like(block)
        found[~last] = shuffled(offset[~last], _BLOCK, key[~last])
        found[last] = shuffled(offset[last], max(self.total - whole * _BLOCK, 1), key[last])
        return block * _BLOCK + found

    def __repr__(self) -> str:
        return f"Held{self._said}"


class Order:
    """The order in which an epoch shows `count` rows of so many bytes: a permutation, computed stretch by stretch.

    Rows side by side, as many as fill 64 KiB (a power of two, 1 to 1,024), are a block. Blocks are shuffled over
    the whole set; then all rows of 1,024 blocks or more, a pool, are shuffled with each other. A set that is one
    pool (up to 128 MiB) is shuffled as a whole. What a batch of b holds of a class varies by at most 1 + b/1024 times
    what it would if all rows were shuffled, even where the files are sorted by class; and an epoch reads from 64 to 128
    MiB at a time, whatever the set's size.
    """

    def __init__(self, count: int, row_bytes: int, seed: int, epoch: int) -> None:
        self._count = count
        self._block = min(1 << max((_BLOCK_BYTES // max(row_bytes, 1)).bit_length() - 1, 0), 1024)
        self._blocks = count // self._block
        pools = max(self._blocks // _POOL, 1)
        self._edges = [self._blocks * pool // pools * self._block for pool in range(pools)] + [count]
        self._block_key, self._row_key, turn = (key_of(seed, purpose, epoch) for purpose in ("blocks", "rows", "turn"))
        self._turn = int(turn[0] % np.uint64(max(count, 1)))  # what is left at the end is of another place every epoch

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, asked: slice) -> NDArray[np.int64]:
        start, stop, _ = asked.indices(self._count)
        parts = []
        for pool, (first, end) in enumerate(zip(self._edges, self._edges[1:], strict=False)):
            low, high = max(start, first), min(stop, end)
            if low < high:
                key = mixed(self._row_key + np.uint64(pool) * GOLDEN)
                parts.append(first + shuffled(np.arange(low - first, high - first), end - first, key))
        places = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        block = places // self._block
        whole = np.flatnonzero(block < self._blocks)
        if len(whole):
            moved = shuffled(block[whole], self._blocks, self._block_key)
            places[whole] += (moved - block[whole]) * self._block
        return (places + self._turn) % self._count
