"""Keeps what a set is made to, each file known by its SHA-256."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from edgekit import files
from edgekit.errors import DataError


def kept(folder: Path, sha256: Mapping[str, str], make: Callable[[], Mapping[str, bytes]]) -> str:
    """Have in `folder` the files of `sha256`, by `make` where one is missing or wrong; say where they are."""
    if all((folder / name).is_file() and files.sha256(folder / name) == digest for name, digest in sha256.items()):
        return f"{folder}: there already, and as it should be"
    made = make()
    for name, digest in sha256.items():
        with files.atomic(folder / name) as temporary:
            temporary.write_bytes(made[name])
            if (found := files.sha256(temporary)) != digest:
                raise DataError(
                    f'"{name}" hashes to {found}, where {digest} is right',
                    "the package, or what makes a file of it, changed",
                )
    return f"{folder}: made, and as it should be"
