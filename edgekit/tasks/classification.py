"""One of several classes, of images or of plain feature vectors."""

from __future__ import annotations

import numpy as np

from edgekit.errors import DataError
from edgekit.tasks.spec import Task


def correct(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return 1.0 where the largest of `outputs` (n, classes) stands at `targets` (n,), else 0.0; float64 (n,)."""
    right: np.ndarray = np.argmax(outputs, axis=-1) == targets
    return right.astype(np.float64)


def check(targets: np.ndarray, classes: int) -> None:
    """Raise DataError unless `targets` are integers in 0..classes-1."""
    if targets.dtype.kind not in "iu":
        raise DataError(f"labels are {targets.dtype}, not integers", "number the classes from 0")
    if targets.size and (targets.min() < 0 or targets.max() >= classes):
        wrong = int(np.flatnonzero((targets < 0) | (targets >= classes))[0])
        raise DataError(
            f"label {int(targets[wrong])} of example {wrong} is outside 0..{classes - 1}",
            "number the classes from 0, or raise the number of classes",
        )


_HEADS = ("probabilities", "logits")
IMAGE_CLASSIFICATION = Task("image-classification", "images", "classes", "accuracy", _HEADS, correct, check)
CLASSIFICATION = Task("classification", "features", "classes", "accuracy", _HEADS, correct, check)
