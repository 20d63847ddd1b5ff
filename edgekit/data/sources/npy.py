"""A folder of .npy files, x.npy and y.npy, mapped into memory: what is not asked for is not read. numpy.

With x_train.npy, y_train.npy, x_test.npy and y_test.npy there is a test split. groups.npy says what belongs together,
labels.npy are the class names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError

TRAIN = (("x", "y", "groups"), ("x_train", "y_train", "groups_train"))
TEST = ("x_test", "y_test", "groups_test")


def holds(folder: Path) -> bool:
    """Tell whether a folder is of this kind."""
    return any((folder / f"{x}.npy").is_file() for x, *_ in TRAIN)


def read(folder: Path) -> Source:
    """Read the arrays; nothing in the files is executed (no pickles)."""
    train = next(names for names in TRAIN if (folder / f"{names[0]}.npy").is_file())
    labels = folder / "labels.npy"
    names = [str(name) for name in _array(labels).ravel()] if labels.is_file() else None
    test = _examples(folder, TEST) if (folder / f"{TEST[0]}.npy").is_file() else None
    return Source(_examples(folder, train), test, names)


def _examples(folder: Path, names: tuple[str, str, str]) -> Examples:
    x, y, groups = (folder / f"{name}.npy" for name in names)
    if not y.is_file():
        raise DataError(f'"{folder}" holds {x.name} and no {y.name}', f"{y.name} says what each example is")
    return Examples(_array(x), _array(y), str(x), _array(groups) if groups.is_file() else None)


def _array(path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f'"{path}" cannot be read: {error}', "write it again with numpy.save; arrays of objects are not read"
        ) from error
