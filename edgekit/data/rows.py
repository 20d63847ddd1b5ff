"""Rows of arrays that are mapped into memory: a set larger than memory is split without being read. numpy."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 1 << 22  # bytes
_FEW = 1 << 16  # places that are worked out at once, and kept while their rows are read
_COMPUTED = 1 << 15  # rows: working out where one stands takes some hundred bytes for a moment


class Index(Protocol):
    """Which row stands at each place: an array int64 [n], or one that is computed; `repr` says all it hangs on."""

    def __len__(self) -> int: ...

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.int64]: ...


class Mapped(ABC):
    """What is asked of a set's arrays, of rows that are read when they are asked for: `_at` reads them."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """As of an array."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        if isinstance(key, tuple):
            rows = self[key[0]]
            if key[0] is Ellipsis:
                return rows[key]
            return rows[(slice(None), *key[1:])] if rows.ndim == self.ndim else rows[key[1:]]
        if key is Ellipsis or isinstance(key, slice):
            return self._at(np.arange(*(slice(None) if key is Ellipsis else key).indices(len(self))))
        asked = np.asarray(key)
        if asked.dtype == np.bool_:
            return self._at(np.flatnonzero(asked))
        if asked.size and not (-len(self) <= asked.min() and asked.max() < len(self)):
            raise IndexError(f"{len(self)} rows, and row {asked.max()} is asked for")
        found = self._at(np.where(asked < 0, asked + len(self), asked).reshape(-1))
        return found if asked.ndim else np.asarray(found[0])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)

    @abstractmethod
    def _at(self, places: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at `places`, which are all there."""


class Rows(Mapped):
    """The rows `index` of a mapped array."""

    def __init__(self, mapped: NDArray[Any] | Mapped, index: Index) -> None:
        self.mapped, self.index = mapped, index
        self.dtype = mapped.dtype
        self.shape = (len(index), *mapped.shape[1:])

    def _at(self, places: NDArray[np.int64]) -> NDArray[Any]:
        return np.asarray(self.mapped[self.index[places]])

    @property
    def digest(self) -> str:
        """SHA-256 over what the whole array is, and over what decides which rows these are."""
        return hashlib.sha256(f"{digest(self.mapped)}\0{_said(self.index)}".encode()).hexdigest()


class Joined(Mapped):
    """Arrays [n,...] one behind the other, of one form; those that are of files are opened when they are asked for."""

    def __init__(self, parts: Sequence[Any], dtype: np.dtype[Any] | None = None, row: tuple[int, ...] | None = None):
        self.parts = parts
        self._starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        self.dtype = dtype or parts[0].dtype
        self.shape = (int(self._starts[-1]), *(parts[0].shape[1:] if row is None else row))

    def _at(self, places: NDArray[np.int64]) -> NDArray[Any]:
        found = np.empty((len(places), *self.shape[1:]), self.dtype)
        which = np.searchsorted(self._starts, places, side="right") - 1
        order = np.argsort(which, kind="stable")
        edges = [*np.searchsorted(which[order], np.unique(which)).tolist(), len(order)]
        for low, high in pairwise(edges):
            rows = order[low:high]
            number = which[rows[0]]
            asked = self.parts[number][places[rows] - self._starts[number]]
            found[rows] = asked.reshape(len(rows), *self.shape[1:])
        return found

    @property
    def digest(self) -> str:
        """SHA-256 over those of the parts."""
        return hashlib.sha256("\0".join(map(digest, self.parts)).encode()).hexdigest()


class Within:
    """Of the places that `inner` tells, those in `outer`: rows of rows."""

    def __init__(self, outer: Index, inner: Index) -> None:
        self.outer, self.inner = outer, inner

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.outer[self.inner[places]]

    def __repr__(self) -> str:
        return f"{_said(self.outer)} of {_said(self.inner)}"


def _said(index: Index) -> str:
    return hashlib.sha256(index.tobytes()).hexdigest() if isinstance(index, np.ndarray) else repr(index)


def digest(array: Any) -> str:
    """Return the SHA-256 that says what an array is: over its bytes, or over those of the files that it lies in."""
    if isinstance(array, Rows | Joined) or hasattr(array, "digest"):
        return str(array.digest)
    found = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    for part in stretches(array):
        found.update(np.ascontiguousarray(part).data)
    return found.hexdigest()


def sharded(array: Any) -> bool:
    """Tell whether `array` is of shards, or rows of them: then nothing may be kept for every row."""
    while isinstance(array, Rows):
        array = array.mapped
    return isinstance(array, Mapped)


def chosen(inputs: NDArray[Any], which: Index) -> NDArray[Any]:
    """Return the rows `which` (a mask, or places) of `inputs`: of pixels and numbers that are mapped, as `Rows`."""
    return chosen_alike((inputs,), which)[0]


def chosen_alike(arrays: Sequence[NDArray[Any]], which: Index) -> list[NDArray[Any]]:
    """Return the rows `which` of each of `arrays` [n,...]; what is computed of the index is computed once for all."""
    known: dict[int, Index] = {}
    return [_chosen(array, which, known) for array in arrays]


def _chosen(array: Any, which: Any, known: dict[int, Index]) -> Any:
    if isinstance(array, Rows):
        if id(array.index) not in known:
            known[id(array.index)] = _composed(array.index, which)
        return Rows(array.mapped, known[id(array.index)])
    if isinstance(array, Mapped):
        return Rows(array, known.setdefault(0, _narrow(which)))
    if isinstance(array, np.memmap) and array.filename and array.dtype in (np.uint8, np.float32):
        return Rows(array, np.arange(len(array))[which])
    if not array.size and not isinstance(which, np.ndarray | slice):
        return np.zeros((len(which), *array.shape[1:]), array.dtype)
    return np.asarray(array[which])


def _composed(index: Any, which: Any) -> Any:
    if isinstance(index, np.ndarray):
        return index[which]
    which = _narrow(which)
    return index[which] if isinstance(which, np.ndarray) and len(which) <= _FEW else Within(index, which)


def _narrow(which: Any) -> Any:
    """Turn a mask into places of 4 bytes each where that holds them."""
    if not isinstance(which, np.ndarray) or which.dtype != np.bool_ or len(which) >= 1 << 32:
        return which
    places, seen = np.empty(np.count_nonzero(which), np.uint32), 0
    for at in range(0, len(which), _AT_ONCE):
        found = np.flatnonzero(which[at : at + _AT_ONCE])
        places[seen : seen + len(found)] = found + at
        seen += len(found)
    return places


def stretches(inputs: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield `inputs` in order, a few megabytes at a time; of what is computed, so many rows."""
    step = max(_AT_ONCE // max(inputs.dtype.itemsize * math.prod(inputs.shape[1:]), 1), 1)
    step = min(step, _COMPUTED) if isinstance(inputs, Mapped) else step
    for at in range(0, len(inputs), step):
        yield inputs[at : at + step]


def known(groups: NDArray[Any]) -> NDArray[Any]:
    """List what is in `groups` [n], each once, sorted."""
    found = groups[:0]
    for part in stretches(groups):
        found = np.unique(np.concatenate([found, np.unique(part)]))
    return found
