"""A folder of .npy files, x.npy and y.npy, mapped into memory: what is not asked for is not read. numpy.

With x_train.npy, y_train.npy, x_test.npy and y_test.npy there is a test split. groups.npy says what belongs together,
labels.npy are the class names. Instead of one file there may be shards of any lengths, numbered from 0: x-00000.npy,
y-00000.npy, x-00001.npy, y-00001.npy and so on, or x_train-00000.npy. Nothing is then kept in memory for every example;
splits and orders are computed (`drawing.py`), and are others than those of the same examples in one file. Of a single
x.npy the same holds from a million examples on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data import shards
from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError

TRAIN = (("x", "y", "groups"), ("x_train", "y_train", "groups_train"))
TEST = ("x_test", "y_test", "groups_test")
LARGE = 1_000_000  # examples of which a single file is read as a shard is


def holds(folder: Path) -> bool:
    """Tell whether a folder is of this kind."""
    return any(_files(folder, x) for x, *_ in TRAIN)


def read(folder: Path) -> Source:
    """Read the arrays; nothing in the files is executed (no pickles)."""
    train = next(names for names in TRAIN if _files(folder, names[0]))
    labels = folder / "labels.npy"
    names = [str(name) for name in _array(labels).ravel()] if labels.is_file() else None
    test = _examples(folder, TEST) if _files(folder, TEST[0]) else None
    return Source(_examples(folder, train), test, names)


def _files(folder: Path, name: str) -> list[Path]:
    """List the one file of an array, or its shards; none where there are none."""
    single, several = folder / f"{name}.npy", shards.numbered(folder, name)
    if single.is_file() and several:
        raise DataError(f'"{folder}" holds {single.name} and {several[0].name}', "leave one of the two there")
    return [single] if single.is_file() else several


def _examples(folder: Path, names: tuple[str, str, str]) -> Examples:
    inputs, targets, groups = (_files(folder, name) for name in names)
    wanted = [folder / path.name.replace(names[0], names[1], 1) for path in inputs]
    if missing := [path for path in wanted if path not in targets]:
        beside = inputs[wanted.index(missing[0])]
        raise DataError(f'"{folder}" holds {beside.name} and no {missing[0].name}', f"{names[1]} says what x is")
    where = str(inputs[0]) if len(inputs) == 1 else str(folder / f"{names[0]}-*.npy")
    parts = [targets, groups] if groups else [targets]
    if inputs[0].stem == names[0] and not _large(inputs[0], groups):
        arrays: list[Any] = [_array(paths[0]) for paths in (inputs, *parts)]
    else:
        arrays = [shards.read(paths) for paths in (inputs, *parts)]
        for each in arrays[1:]:
            _alike(arrays[0], each)
    return Examples(arrays[0], arrays[1], where, arrays[2] if groups else None)


def _large(path: Path, groups: list[Path]) -> bool:
    """Tell whether a single file is read as shards are; groups that are no integers are numbered in memory."""
    return len(_array(path)) >= LARGE and all(_array(each).dtype.kind in "iu" for each in groups)


def _alike(inputs: shards.Shards, others: shards.Shards) -> None:
    for one, other in zip(inputs.parts, others.parts, strict=False):
        if len(one) != len(other):
            raise DataError(
                f'"{one.path}" has {len(one)} examples, and "{other.path.name}" {len(other)}',
                "give every example one target, and one group where there are groups",
            )
    if len(inputs.parts) != len(others.parts):
        raise DataError(
            f'"{inputs.parts[0].path.parent}" has {len(inputs.parts)} files like {inputs.parts[0].path.name} and'
            f" {len(others.parts)} like {others.parts[0].path.name}",
            "write as many of each",
        )


def _array(path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f'"{path}" cannot be read: {error}', "write it again with numpy.save; arrays of objects are not read"
        ) from error
