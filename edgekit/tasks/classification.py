"""One of several classes: of images, of plain feature vectors, of texts and pairs of texts, of windows in time."""

from __future__ import annotations

import numpy as np

from edgekit.errors import DataError
from edgekit.tasks.spec import Task


def correct(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return 1.0 where the largest of `outputs` (n, classes) stands at `targets` (n,), else 0.0; float64 (n,)."""
    right: np.ndarray = np.argmax(outputs, axis=-1) == targets
    return right.astype(np.float64)


def check(targets: np.ndarray, labels: int) -> None:
    """Raise DataError unless `targets` are integers in 0..labels-1."""
    if targets.dtype.kind not in "iu":
        raise DataError(f"labels are {targets.dtype}, not integers", "number the classes from 0")
    if targets.size and (targets.min() < 0 or targets.max() >= labels):
        wrong = int(np.flatnonzero((targets < 0) | (targets >= labels))[0])
        raise DataError(
            f"label {int(targets[wrong])} of example {wrong} is outside 0..{labels - 1}",
            "number the classes from 0, or raise the number of classes",
        )


def _task(name: str, predictor: str) -> Task:
    return Task(name, predictor, "classes", "class", "accuracy", ("probabilities", "logits"), correct, check)


IMAGE_CLASSIFICATION = _task("image-classification", "images")
CLASSIFICATION = _task("classification", "features")
TEXT_CLASSIFICATION = _task("text-classification", "texts")
SEQUENCE_CLASSIFICATION = _task("sequence-classification", "sequences")
