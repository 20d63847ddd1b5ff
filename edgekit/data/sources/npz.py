"""The user's own arrays in a .npz file: x and y, or x_train, y_train, x_test, y_test; labels if there are names."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError

WHOLE = ("x", "y")
PARTS = ("x_train", "y_train", "x_test", "y_test")


def read(path: Path) -> Source:
    """Read the arrays; nothing in the file is executed (no pickles)."""
    arrays = _arrays(path)
    names = list(arrays.pop("labels", np.array([], dtype=str)).ravel().tolist())
    if set(arrays) not in (set(WHOLE), set(PARTS)):
        raise DataError(
            f'"{path}" holds {", ".join(sorted(arrays)) or "nothing"}',
            f"it must hold {' and '.join(WHOLE)}, or {', '.join(PARTS)}; and may hold labels",
        )
    if not all(isinstance(name, str) for name in names):
        raise DataError(f'"{path}": labels holds no text', "labels are the class names, an array of strings")
    train, *test = [Examples(arrays[x], arrays[y], str(path)) for x, y in (WHOLE, PARTS[:2], PARTS[2:]) if x in arrays]
    return Source(train, test[0]._replace(where=f"{path} (test)") if test else None, names or None)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise ValueError("it is a single array")
            return {name: np.asarray(file[name]) for name in file.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f'"{path}" cannot be read: {error}', "write it again with numpy.savez; arrays of objects are not read"
        ) from error
