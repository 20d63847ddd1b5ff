"""What a data set is: three splits, the class names, and a fingerprint of all of it. Imports numpy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data import rows
from edgekit.data.rows import sharded, stretches

if TYPE_CHECKING:
    from edgekit.recipe.data import Normalize

NO_PADDING = -1


@dataclass(frozen=True, eq=False)
class Split:
    """Examples and what they are to be answered by. Not to be written to.
    Of shards they are `rows.Mapped`, read when they are asked for; nothing is kept for every example.

    inputs: images uint8 [n,H,W,C], features float32 [n,F], windows float32 [n,T,C], or token ids int64 [n,T].
    targets: classes int64 [n] (-1 of an example without a label), numbers float32 [n] or [n,K], labels float32 [n,K] of
    0 and 1, the next tokens int64 [n,T], or float32 [n,0] where there are none. groups: int64 [n], equal for examples
    that are not independent of each other; None where all are.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    groups: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over dtypes, shapes and bytes, in order; over groups too, where there are: intervals hang on them.

        Of shards it is over what their files' bytes hash to, and over which rows are drawn.
        """
        digest = hashlib.sha256()
        for array in (self.inputs, self.targets, *(() if self.groups is None else (self.groups,))):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            if sharded(array):
                digest.update(rows.digest(array).encode())
                continue
            for part in stretches(array):
                digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training, validation and test examples with no example in two of them; `labels[i]` is the name of class i.

    `normalize` is what the inputs are normalised by. `tokenizer` is the file that made the ids, and `pad` what a text
    is filled up with behind its end; -1 where nothing is. `texts`: how many an example is of, 2 of pairs, 0 where it is
    of none. Of a text that is continued, `labels` are its tokens.
    """

    train: Split
    validation: Split
    test: Split
    labels: list[str]
    normalize: Normalize | None = None
    tokenizer: Path | None = None
    pad: int = NO_PADDING
    texts: int = 0

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the content, the way it is split, and the class names."""
        parts = [self.train.fingerprint, self.validation.fingerprint, self.test.fingerprint, *self.labels]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def lengths(ids: NDArray[np.int64], pad: int) -> NDArray[np.int64]:
    """Return how long each row of `ids` int64 [n,T] is without what it is filled up with; int64 [n], 1 at least."""
    if pad == NO_PADDING:
        return np.full(len(ids), ids.shape[1], dtype=np.int64)
    own = ids != pad
    return np.where(own.any(axis=1), ids.shape[1] - own[:, ::-1].argmax(axis=1), 1).astype(np.int64)


def cut(ids: NDArray[np.int64], pad: int) -> NDArray[np.int64]:
    """Return `ids` int64 [n,T] as long as the longest of them, int64 [n,t]."""
    return ids[:, : int(lengths(ids, pad).max(initial=1))]


def class_counts(targets: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return how many of `targets` int64 [n] are of each class, int64 [classes]; -1 is of none."""
    counts = np.zeros(classes, np.int64)
    for part in stretches(targets):
        counts += np.bincount(part[part >= 0], minlength=classes)
    return counts
