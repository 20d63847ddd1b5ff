"""Some rows of an array that is mapped into memory: a set larger than memory is split without being read. numpy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 1 << 22  # bytes


class Rows:
    """The rows `index` int64 [n] of a mapped array, read when they are asked for."""

    def __init__(self, mapped: NDArray[Any], index: NDArray[np.int64]) -> None:
        self.mapped, self.index = mapped, index
        self.dtype, self.ndim = mapped.dtype, mapped.ndim
        self.shape = (len(index), *mapped.shape[1:])
        self.size = math.prod(self.shape)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        if not isinstance(key, tuple):
            return np.asarray(self.mapped[self.index[key]])
        rows = self[key[0]]
        if key[0] is Ellipsis:
            return rows[key]
        return rows[(slice(None), *key[1:])] if rows.ndim == self.ndim else rows[key[1:]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)


def chosen(inputs: NDArray[Any], which: NDArray[Any]) -> NDArray[Any]:
    """Return the rows `which` (a mask, or places) of `inputs`: of pixels and numbers that are mapped, as `Rows`."""
    if isinstance(inputs, Rows):
        rows = Rows(inputs.mapped, inputs.index[which])
    elif isinstance(inputs, np.memmap) and inputs.filename and inputs.dtype in (np.uint8, np.float32):
        rows = Rows(inputs, np.arange(len(inputs))[which])
    else:
        return np.asarray(inputs[which])
    return rows  # type: ignore[return-value]  # it has what is asked of inputs


def stretches(inputs: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield `inputs` in order, a few megabytes at a time."""
    step = max(_AT_ONCE // max(inputs.dtype.itemsize * math.prod(inputs.shape[1:]), 1), 1)
    for at in range(0, len(inputs), step):
        yield inputs[at : at + step]
