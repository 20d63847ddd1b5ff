"""What a source hands over, and the checks that every source's examples must pass. No file is opened here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgekit.data import rows
from edgekit.data.shards import Note, Shards
from edgekit.errors import DataError


class Examples(NamedTuple):
    """What a source read: inputs [n,...], targets [n,...], and the file or folder they came from.

    Inputs are arrays, or object arrays [n] of what is made to arrays later: texts, pairs of texts, recordings float
    [T,C] of any length. `groups` [n] of any kind: equal for examples that belong together.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    where: str
    groups: NDArray[Any] | None = None

    def take(self, chosen: rows.Index) -> Examples:
        """Return some of them: by a mask bool [n], or by their places."""
        arrays = (self.inputs, self.targets) if self.groups is None else (self.inputs, self.targets, self.groups)
        inputs, targets, *groups = rows.chosen_alike(arrays, chosen)
        return Examples(inputs, targets, self.where, groups[0] if groups else None)


class Source(NamedTuple):
    """All that a source has: `test` and `validation` where it has such splits, `labels` where it knows them."""

    train: Examples
    test: Examples | None = None
    labels: list[str] | None = None
    validation: Examples | None = None


def checked(examples: Examples, kind: str, classes: int | None) -> Examples:
    """Return `examples` with inputs and targets of the forms that `Split` tells, or raise DataError.

    `kind` is what the targets are ("class", "number", "labels", "vector"); `classes`: how many, where that is known.
    """
    where = examples.where
    if isinstance(examples.inputs, Shards):
        return _checked_shards(examples, kind, classes)
    inputs = _inputs(examples.inputs, where)
    targets = _TARGETS[kind](examples.targets, classes, where)
    for what, told in (("labels", targets), ("groups", examples.groups)):
        if told is not None and len(inputs) != len(told):
            raise DataError(
                f'"{where}" has {len(inputs)} examples and {len(told)} {what}',
                f"give every example exactly one {what.rstrip('s')}",
            )
    if not len(inputs):
        raise DataError(f'"{where}" has no examples', "choose a file or folder that holds some")
    return examples._replace(inputs=inputs, targets=targets)


def _checked_shards(examples: Examples, kind: str, classes: int | None) -> Examples:
    """Check what the files' notes say, and of a file that may be wrong its values; what is given is read later."""
    inputs, targets, groups = examples.inputs, examples.targets, examples.groups
    assert isinstance(inputs, Shards) and isinstance(targets, Shards)
    if not len(inputs):
        raise DataError(f'"{examples.where}" has no examples', "choose a file or folder that holds some")
    if isinstance(groups, Shards) and groups.dtype.kind not in "iu":
        raise DataError(f'"{groups.parts[0].path}" holds {groups.dtype}', "number the groups: shards hold numbers")
    most = len(inputs) if classes is None else classes
    sound: dict[str, Callable[[Note], bool]] = {
        "class": lambda note: note.least is not None and note.most is not None and 0 <= note.least <= note.most < most,
        "number": lambda note: note.least is not None,
        "labels": lambda note: targets.dtype.kind in "biu" and (note.least, note.most) in ((0, 0), (0, 1), (1, 1)),
        "vector": lambda note: True,
    }
    inputs.check(lambda note: note.least is not None or inputs.dtype.kind != "f", _inputs)
    targets.check(sound[kind], lambda values, where: _TARGETS[kind](values, classes, where))
    form = _inputs(inputs[:1], str(inputs.parts[0].path))
    told = _TARGETS[kind](targets[:1], most if kind == "class" else classes, str(targets.parts[0].path))
    return examples._replace(
        inputs=inputs.given(form.dtype, form.shape[1:]),
        targets=np.zeros((len(inputs), 0), np.float32) if kind == "vector" else targets.given(told.dtype),
        groups=groups.given(np.int64) if isinstance(groups, Shards) else None,
    )


def _inputs(inputs: NDArray[Any], where: str) -> NDArray[Any]:
    if inputs.dtype == object and inputs.ndim == 1:
        return inputs
    if inputs.dtype == np.uint8 and inputs.ndim in (3, 4) and 0 not in inputs.shape[1:]:
        return inputs if inputs.ndim == 4 else inputs[..., None]
    if inputs.dtype.kind in "iu" and inputs.dtype != np.uint8 and inputs.ndim == 2 and inputs.shape[1]:
        return inputs.astype(np.int64, copy=False)
    if inputs.dtype.kind == "f" and inputs.ndim in (2, 3) and 0 not in inputs.shape[1:]:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is found below
            features = inputs.astype(np.float32, copy=False)
        seen = 0
        for part in rows.stretches(features):
            wrong = ~np.isfinite(part).reshape(len(part), -1).all(axis=1)
            if wrong.any():
                raise DataError(
                    f'"{where}": example {seen + int(np.argmax(wrong))} holds NaN or an infinite number',
                    "fill in or leave out what is missing",
                )
            seen += len(part)
        return features
    raise DataError(
        f'"{where}": the examples are {inputs.dtype} {list(inputs.shape)}',
        "images are uint8 [n,height,width] or [n,height,width,channels], features are float32 [n,features], windows"
        " float32 [n,moments,channels], token ids int64 [n,tokens]",
    )


def _classes(targets: NDArray[Any], classes: int | None, where: str) -> NDArray[np.int64]:
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


def _numbers(targets: NDArray[Any], classes: int | None, where: str) -> NDArray[np.float32]:
    if targets.ndim not in (1, 2) or targets.dtype.kind not in "iuf" or 0 in targets.shape[1:]:
        raise DataError(
            f'"{where}": the targets are {targets.dtype} {list(targets.shape)}',
            "give one number per example, [n], or several, [n,numbers]",
        )
    with np.errstate(over="ignore"):
        numbers = targets.astype(np.float32)
    wrong = ~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f'"{where}": the target of example {row} is {targets[row]}', "leave out what has no finite number"
        )
    return numbers


def _labels(targets: NDArray[Any], classes: int | None, where: str) -> NDArray[np.float32]:
    if targets.ndim != 2 or targets.dtype.kind not in "biuf" or not np.isin(targets, (0, 1)).all():
        raise DataError(
            f'"{where}": the labels are {targets.dtype} {list(targets.shape)}',
            "give every example a 0 or 1 for each label: [n,labels]",
        )
    if classes is not None and targets.shape[1] != classes:
        raise DataError(f'"{where}" has {targets.shape[1]} labels, and {classes} are named', "name every label once")
    return targets.astype(np.float32)


def _none(targets: NDArray[Any], classes: int | None, where: str) -> NDArray[np.float32]:
    return np.zeros((len(targets), 0), dtype=np.float32)


_TARGETS: dict[str, Callable[[NDArray[Any], int | None, str], NDArray[Any]]] = {
    "class": _classes,
    "number": _numbers,
    "labels": _labels,
    "vector": _none,
}


def no_empty_class(targets: NDArray[np.int64], labels: list[str], where: str) -> None:
    """Raise DataError where a class has no training example: no network can learn it."""
    seen = np.zeros(len(labels), np.bool_)
    for part in rows.stretches(targets):
        seen[part] = True
        if seen.all():
            return
    empty = np.flatnonzero(~seen)
    if len(empty):
        names = ", ".join(f'"{labels[index]}"' for index in empty[:5]) + (", ..." if len(empty) > 5 else "")
        raise DataError(
            f'"{where}": no training example of class {names}',
            "add examples, hold out a smaller part, or leave the class out and number the others from 0 without a gap",
        )
