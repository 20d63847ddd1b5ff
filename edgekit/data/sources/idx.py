"""The IDX format of the MNIST family: a magic number, the shape in big-endian words, then the bytes. gz or not.

Format: http://yann.lecun.com/exdb/mnist, "the IDX file format". Of its types only unsigned bytes are read here.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError

FILES = tuple((f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k"))
AGAIN = "fetch the file again"


def find(folder: Path, name: str) -> Path | None:
    """Return `name` or `name`.gz in `folder`, or None where neither is there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def source(folder: Path, labels: list[str] | None = None, hint: str = AGAIN) -> Source:
    """Read the four files of the MNIST family in `folder`: images uint8 [n,H,W] and classes, for training and test."""
    train, test = (_examples(folder, *pair, hint) for pair in FILES)
    return Source(train, test, labels)


def _examples(folder: Path, images: str, labels: str, hint: str) -> Examples:
    found = [find(folder, name) for name in (images, labels)]
    for name, path in zip((images, labels), found, strict=True):
        if path is None:
            raise DataError(f'"{folder}" lacks the file {name}[.gz]', f"put it there, or {hint}")
    inputs, targets = (read(path, n) for path, n in zip(found, (3, 1), strict=True) if path)
    return Examples(inputs, targets, str(found[1]))


def read(path: Path, dimensions: int) -> NDArray[Any]:
    """Return the array, uint8 of so many dimensions; DataError for another magic number or another length."""
    content = _content(path)
    magic, start = bytes((0, 0, 0x08, dimensions)), 4 + 4 * dimensions
    if content[:4] != magic:
        raise DataError(
            f'"{path}" begins with "{content[:4].hex()}", where an IDX file of bytes with {dimensions} dimensions '
            f'begins with "{magic.hex()}"',
            "check that images and labels are not swapped, or " + AGAIN,
        )
    if len(content) < start:
        raise DataError(f'"{path}" is cut off within its header', AGAIN)
    shape = [int.from_bytes(content[place : place + 4], "big") for place in range(4, start, 4)]
    if len(content) - start != math.prod(shape):
        raise DataError(
            f'"{path}" announces {" x ".join(map(str, shape))} = {math.prod(shape)} bytes '
            f"and holds {len(content) - start}",
            AGAIN,
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f'"{path}" cannot be read: {error}', AGAIN) from error
