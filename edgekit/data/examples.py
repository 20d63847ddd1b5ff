"""What a source hands over, and the checks that every source's arrays must pass. No file is opened here."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgekit.errors import DataError


class Examples(NamedTuple):
    """Arrays as a source read them: inputs [n,...], targets [n], and the file or folder they came from."""

    inputs: NDArray[Any]
    targets: NDArray[Any]
    where: str


class Source(NamedTuple):
    """All that a source has: `test` where it has a test split of its own, `labels` where it knows the class names."""

    train: Examples
    test: Examples | None = None
    labels: list[str] | None = None


def checked(examples: Examples, classes: int | None) -> Examples:
    """Return `examples` as uint8 [n,H,W,C] or float32 [n,F] with int64 targets below `classes`, or raise DataError."""
    where = examples.where
    inputs = _inputs(examples.inputs, where)
    targets = _targets(examples.targets, classes, where)
    if len(inputs) != len(targets):
        raise DataError(
            f'"{where}" has {len(inputs)} examples and {len(targets)} labels', "give every example exactly one label"
        )
    if not len(targets):
        raise DataError(f'"{where}" has no examples', "choose a file or folder that holds some")
    return Examples(inputs, targets, where)


def _inputs(inputs: NDArray[Any], where: str) -> NDArray[Any]:
    if inputs.dtype == np.uint8 and inputs.ndim in (3, 4) and 0 not in inputs.shape[1:]:
        return inputs if inputs.ndim == 4 else inputs[..., None]
    if inputs.dtype.kind == "f" and inputs.ndim == 2 and inputs.shape[1]:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is found below
            features = inputs.astype(np.float32, copy=False)
        wrong = ~np.isfinite(features).all(axis=1)
        if wrong.any():
            raise DataError(
                f'"{where}": example {int(np.argmax(wrong))} holds NaN or an infinite number',
                "fill in or leave out what is missing",
            )
        return features
    raise DataError(
        f'"{where}": the examples are {inputs.dtype} {list(inputs.shape)}',
        "images are uint8 [n,height,width] or [n,height,width,channels], features are float32 [n,features]",
    )


def _targets(targets: NDArray[Any], classes: int | None, where: str) -> NDArray[np.int64]:
    if targets.ndim != 1 or targets.dtype.kind not in "iu":
        raise DataError(
            f'"{where}": the labels are {targets.dtype} {list(targets.shape)}',
            "a label is one integer per example: the number of its class, from 0",
        )
    # Without names the classes are counted from the labels; there cannot be more of them than examples.
    limit = len(targets) if classes is None else classes
    wrong = (targets < 0) | (targets >= limit)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f'"{where}": the label of example {row} is "{targets[row]}"',
            "number the classes from 0 without a gap"
            if classes is None
            else f"there are {classes} classes, numbered 0 to {classes - 1}",
        )
    return targets.astype(np.int64)


def no_empty_class(targets: NDArray[np.int64], labels: list[str], where: str) -> None:
    """Raise DataError where a class has no training example: no network can learn it."""
    empty = np.flatnonzero(np.bincount(targets, minlength=len(labels)) == 0)
    if len(empty):
        names = ", ".join(f'"{labels[index]}"' for index in empty[:5]) + (", ..." if len(empty) > 5 else "")
        raise DataError(
            f'"{where}": no training example of class {names}',
            "add examples, hold out a smaller part, or leave the class out and number the others from 0 without a gap",
        )
