"""A number, or several, of anything that a model can be given."""

from __future__ import annotations

import numpy as np

from edgekit.errors import DataError
from edgekit.tasks.spec import Task


def explained(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return 1 - (y - f)^2 / var(y) for each example, float64 (n,), whose mean is R^2; of K numbers, their mean.

    `outputs` f: (n,), (n, 1) or (n, K); `targets` y: (n,) or (n, K). The variance is over the n, so that R^2 of the
    mean of all targets is 0. A number that is the same for all has none, and counts 1 where it is hit, else 0.
    """
    wanted = targets.astype(np.float64).reshape(len(targets), -1)
    error = (wanted - outputs.astype(np.float64).reshape(wanted.shape)) ** 2
    spread = wanted.var(axis=0)
    hit = (error == 0).astype(np.float64)
    shares = np.where(spread > 0, 1 - error / np.where(spread > 0, spread, 1), hit)
    return np.asarray(shares.mean(axis=1))


def check(targets: np.ndarray, labels: int) -> None:
    """Raise DataError unless `targets` are finite numbers; a column may have a label, as its name."""
    if targets.dtype.kind != "f" or targets.ndim not in (1, 2):
        raise DataError(
            f"the targets are {targets.dtype} {list(targets.shape)}, not numbers", "give every example one, or K"
        )
    wrong = ~np.isfinite(targets).reshape(len(targets), -1).all(axis=1)
    if wrong.any():
        raise DataError(f"the target of example {int(np.argmax(wrong))} is no finite number", "leave the example out")
    if labels and labels != (targets.shape[1] if targets.ndim == 2 else 1):
        raise DataError(f"{labels} labels name targets {list(targets.shape)}", "give every column one, or none")


REGRESSION = Task("regression", None, "numbers", "number", "r2", ("value",), explained, check, unit="", whole=True)
