"""What a data set is: three splits, the class names, and a fingerprint of all of it. Imports numpy alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Split:
    """Examples and their classes: inputs uint8 [n,H,W,C] or float32 [n,F]; targets int64 [n]. Not to be written to."""

    inputs: NDArray[Any]
    targets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over dtypes, shapes and bytes, in order."""
        digest = hashlib.sha256()
        for array in (self.inputs, self.targets):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training, validation and test examples with no example in two of them; `labels[i]` is the name of class i."""

    train: Split
    validation: Split
    test: Split
    labels: list[str]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the content, the way it is split, and the class names."""
        parts = [self.train.fingerprint, self.validation.fingerprint, self.test.fingerprint, *self.labels]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()
