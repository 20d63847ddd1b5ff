"""A text that is to be continued, character by character: its characters numbered, and cut into windows. Imports numpy.

The splits are stretches of the text, one behind the other, and not windows drawn from all of it: a window's
neighbours would tell what it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.dataset import Dataset, Split
from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError

if TYPE_CHECKING:
    from edgekit.recipe.data import Data, Window

UNKNOWN = "\ufffd"  # stands for every character that the training text seldom has
_SELDOM = 2  # occurrences


def dataset(source: Source, data: Data) -> Dataset:
    """Return windows of ids int64 [n,T] with the ids that follow, int64 [n,T].

    The labels are the characters: those that the source names, or those the training text has often enough.
    """
    if data.window is None:
        raise DataError("a text that is continued is cut into windows", "say data.window: {length: 128}")
    text, where = _joined(source.train), source.train.where
    if source.test:
        test = _joined(source.test)
    else:
        at = round(len(text) * (1 - data.test_fraction))
        text, test = text[:at], text[at:]
    if source.validation:
        validation = _joined(source.validation)
    else:
        at = round(len(text) * (1 - data.validation_fraction))
        text, validation = text[:at], text[at:]
    if source.labels:
        known = sorted(map(ord, source.labels))
    else:
        codes, counts = np.unique(_codes(text), return_counts=True)
        known = [int(code) for code in codes[counts > _SELDOM] if code != ord(UNKNOWN)]
    cut, judged, held = (_windows(_numbered(part, known), data.window, where) for part in (text, validation, test))
    return Dataset(cut, judged, held, [UNKNOWN, *map(chr, known)])


def _joined(examples: Examples) -> str:
    if examples.inputs.dtype != object or not all(isinstance(text, str) for text in examples.inputs):
        raise DataError(f'"{examples.where}" holds no text to be continued', "name a .txt file, or one text column")
    return "\n".join(examples.inputs)


def _codes(text: str) -> NDArray[Any]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _numbered(text: str, known: list[int]) -> NDArray[np.int64]:
    """Return the ids of a text's characters, from 1 in the order of `known`; 0 for all others."""
    if not known:
        return np.zeros(len(text), dtype=np.int64)
    order, codes = np.array(known), _codes(text)
    place = np.minimum(np.searchsorted(order, codes), len(order) - 1)
    return np.where(order[place] == codes, place + 1, 0).astype(np.int64)


def _windows(ids: NDArray[np.int64], window: Window, where: str) -> Split:
    length, hop = window.length, window.hop or window.length
    if len(ids) <= length:
        raise DataError(
            f'"{where}": a split has {len(ids)} characters, and a window {length} and the one behind it',
            "give more text, or make data.window.length smaller",
        )
    both = np.lib.stride_tricks.sliding_window_view(ids, length + 1)[::hop]
    return Split(np.ascontiguousarray(both[:, :-1]), np.ascontiguousarray(both[:, 1:]))
