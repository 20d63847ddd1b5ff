"""Writing that is atomic, hashing, and where edgekit keeps its things. Standard library only."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit.errors import StorageError
from edgekit.hashing import fingerprint as fingerprint
from edgekit.hashing import sha256 as sha256


def home() -> Path:
    """Return the folder of caches and locks: $EDGEKIT_HOME, or ~/.cache/edgekit."""
    return Path(os.environ.get("EDGEKIT_HOME") or Path.home() / ".cache" / "edgekit")


def data_home() -> Path:
    """Return the folder of data sets: $EDGEKIT_DATA, or the folder `data` in edgekit's home."""
    return Path(os.environ.get("EDGEKIT_DATA") or home() / "data")


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, a missing permission or a blocked way into a StorageError that names the file."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f'no room on the disk for "{path}"', "free some space (edgekit clean shows what it keeps) and run again"
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f'no permission for "{where}": {error.strerror}', "choose a folder of your own"
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG, errno.EFBIG):
            raise StorageError(f'cannot write "{where}": {error.strerror}', "choose another place") from error
        raise


_TEMPORARY = re.compile(r"^\..+\.[0-9a-f]{8}(\.\w+)?$")  # the names that `_beside` makes up


def _beside(path: Path) -> Path:
    """Make up a hidden name beside `path` that nobody else uses, of the same suffix."""
    return path.with_name(f".{path.stem}.{os.urandom(4).hex()}{path.suffix}")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # no file can be made there by anybody: /proc, or a folder that was removed
        raise StorageError(f'"{folder}" cannot be made: {error.strerror}', "choose another place") from error


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on leaving without an error it takes the place of `path` in one step."""
    temporary = _beside(path)
    with disk_errors(path):
        _make(path.parent)
        try:
            temporary.touch(exist_ok=False)
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`; on leaving without an error it takes the place of `path`."""
    import shutil  # costs an app that only loads a bundle too much

    temporary, old = _beside(path), _beside(path)
    with disk_errors(path):
        _make(path.parent)
        try:
            temporary.mkdir()
            yield temporary
            if path.is_dir():
                path.replace(old)
            try:
                temporary.replace(path)
            except BaseException:
                if old.exists():
                    old.replace(path)
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what writes that were killed left under `folder`. Nobody else may be writing there."""
    import shutil

    for path in [found for found in folder.rglob(".*") if _TEMPORARY.search(found.name)]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one step."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path` in one step. NaN and infinities are refused."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; None where the file is absent or damaged, for the caller to say which and to make it again."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """Write `value` as JSON in one step, with its own hash as "seal"."""
    write_json(path, value | {"seal": fingerprint(value)})


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Read what `write_sealed` wrote, without the seal; None where the file is absent, or not as it was written."""
    value = read_json(path)
    if not isinstance(value, dict):
        return None
    seal = value.pop("seal", None)
    try:
        return value if fingerprint(value) == seal else None
    except ValueError:  # NaN, which nothing wrote
        return None
