"""Any of several labels, each true or not: an example may have several, or none."""

from __future__ import annotations

import numpy as np

from edgekit.errors import DataError
from edgekit.tasks.spec import Task

_THRESHOLD = 0.5


def f1(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return 2 |told and true| / (|told| + |true|) for each example, 1 where neither holds a label; float64 (n,).

    `outputs`: probabilities (n, K), told from 0.5 on up; `targets`: (n, K) of 0 and 1.
    """
    told, true = outputs > _THRESHOLD, targets > _THRESHOLD
    both, sizes = (told & true).sum(axis=1), told.sum(axis=1) + true.sum(axis=1)
    return np.asarray(np.where(sizes > 0, 2 * both / np.maximum(sizes, 1), 1.0))


def check(targets: np.ndarray, labels: int) -> None:
    """Raise DataError unless `targets` are (n, labels) of 0 and 1."""
    if targets.ndim != 2 or targets.shape[1] != labels:
        raise DataError(
            f"the targets are {list(targets.shape)}, and there are {labels} labels", "give a column to each"
        )
    wrong = ~np.isin(targets, (0, 1)).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"the labels of example {row} are {targets[row].tolist()}", "write 1 for true and 0 for not")


MULTI_LABEL = Task("multi-label", None, "classes", "labels", "f1", (f"threshold={_THRESHOLD}",), f1, check)
