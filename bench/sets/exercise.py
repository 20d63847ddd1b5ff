"""The smartwatch exercises out of the package seglearn (BSD): a pickle of numpy's, read by what can read no more."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.data.sources.exercise import FILE
from edgekit.errors import DataError
from sets import packages
from sets.keeping import kept

SHA256 = {FILE: "e01e9846c7fb11295bee95f3befd856b9edc23e22748e51b8634a76a79afde42"}
# What an array of numpy's is pickled with, under its names of before and of numpy 2.
_ALLOWED = {
    (module, name)
    for base in ("numpy.core", "numpy._core")
    for module, name in ((f"{base}.multiarray", "_reconstruct"), (f"{base}.multiarray", "scalar"))
} | {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise DataError(f'the pickle asks for "{module}.{name}", which no array needs')
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def bring(folder: Path) -> str:
    """Make sure the recordings are in `folder`."""
    return kept(folder, SHA256, _make)


def _make() -> dict[str, bytes]:
    held = packages.from_python("seglearn", "1.2.5", 9)
    stream = io.BytesIO(held["seglearn/data/watch_dataset.npy"])
    np.lib.format.read_magic(stream)
    np.lib.format.read_array_header_1_0(stream)
    found = _Arrays(stream, encoding="latin1").load().item()
    recordings = [np.asarray(each, dtype=np.float32) for each in found["X"]]
    content = io.BytesIO()
    np.savez(
        content,
        moments=np.concatenate(recordings),
        lengths=np.array([len(each) for each in recordings]),
        y=np.asarray(found["y"]).astype(np.int64),
        people=np.asarray(found["subject"]).astype(np.int64),
        labels=np.array([str(name) for name in found["y_labels"]]),
    )
    return {FILE: content.getvalue()}
