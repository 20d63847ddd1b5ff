"""Arrays in numbered .npy files, x-00000.npy, x-00001.npy and so on, mapped into memory one by one. numpy.

What is known of each file stands in a note: its SHA-256 and its least and greatest value. Notes come from whoever wrote
the shards (`writing.py`), or are taken once and kept under edgekit's home; they hold as long as a file's size and time
of change stay. So a set that was opened before is opened again without being read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgekit import console, files
from edgekit.data import rows
from edgekit.errors import DataError

_OPEN = 400  # files mapped at a time; a process may usually have 1,024 open
_AGAIN = "call write_shards again with the same rows, and it makes this file anew"


class Note(NamedTuple):
    """What is known of a file as long as `size` and `modified` (ns) stay; `least` and `most`: None where not finite."""

    size: int
    modified: int
    sha256: str
    least: float | None
    most: float | None

    def of(self, path: Path) -> bool:
        """Tell whether the file is still the one that was looked at."""
        found = path.stat()
        return (self.size, self.modified) == (found.st_size, found.st_mtime_ns)


class Part:
    """One file [n,...] of them; `dtype` is what its values are given as."""

    def __init__(self, path: Path, length: int, dtype: np.dtype[Any]) -> None:
        self.path, self._length, self.dtype = path, length, dtype

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, key: Any) -> NDArray[Any]:
        return np.asarray(opened(self.path)[key])


class Shards(rows.Joined):
    """The files as one array [n,...]."""

    def __init__(
        self, parts: Sequence[Part], notes: Sequence[Note], dtype: np.dtype[Any], row: tuple[int, ...]
    ) -> None:
        super().__init__(parts, dtype, row)
        self.notes = notes

    def given(self, dtype: Any, row: tuple[int, ...] | None = None) -> Shards:
        """Return the same, its values as `dtype` and its rows in the form of `row`."""
        return Shards(self.parts, self.notes, np.dtype(dtype), self.shape[1:] if row is None else row)

    @property
    def digest(self) -> str:
        """SHA-256 over those of the files."""
        return hashlib.sha256("\0".join(note.sha256 for note in self.notes).encode()).hexdigest()

    def check(self, sound: Callable[[Note], bool], look: Callable[[NDArray[Any], str], object]) -> None:
        """Have `look(values, file)` raise for the first file whose note is not `sound`."""
        for part, note in zip(self.parts, self.notes, strict=True):
            if not sound(note):
                look(opened(part.path), str(part.path))


@lru_cache(_OPEN)
def opened(path: Path) -> NDArray[Any]:
    """Map a file. Raises DataError where it is no array, or shorter than it says."""
    try:
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, EOFError, ValueError) as error:
        hint = _AGAIN if manifest(path).is_file() else "write it again with numpy.save; arrays of objects are not read"
        raise DataError(f'"{path}" cannot be read: {error}', hint) from error


def manifest(path: Path) -> Path:
    """Return the file in which the one who wrote a shard says what he wrote: of x_test-00000.npy, shards_test.json."""
    found = re.fullmatch(r"[a-z]+(_\w+)?-\d+\.npy", path.name)
    return path.with_name(f"shards{(found and found[1]) or ''}.json")


def numbered(folder: Path, name: str) -> list[Path]:
    """List the shards of `name` in a folder, by number; DataError where one is missing."""
    found = {int(path.stem.rpartition("-")[2]): path for path in folder.glob(f"{name}-*.npy") if _number(path, name)}
    paths = [found.get(number, folder / f"{name}-{number:05d}.npy") for number in range(max(found, default=-1) + 1)]
    written = files.read_sealed(manifest(paths[0])) if paths else None
    if written:
        paths = [folder / file for shard in written["shards"] for file in shard if _number(folder / file, name)]
        if not written["whole"]:
            raise DataError(
                f'the shards in "{folder}" were not written to their end',
                "call write_shards again with the same rows, and it goes on where it stopped",
            )
        if more := sorted({path.name for path in found.values()} - {path.name for path in paths}):
            raise DataError(f'"{folder / more[0]}" is not among the shards that were written', "put it elsewhere")
    if missing := [path for path in paths if not path.is_file()]:
        raise DataError(f'"{missing[0]}" is missing', _AGAIN if written else "the shards of a set are numbered from 0")
    return paths


def _number(path: Path, name: str) -> bool:
    return re.fullmatch(rf"{name}-\d{{5,}}\.npy", path.name) is not None


def read(paths: Sequence[Path]) -> Shards:
    """Open the files of one array, which must all be of one dtype and width. Raises DataError."""
    parts: list[Part] = []
    first: NDArray[Any] | None = None
    opened.cache_clear()  # a file may have been replaced since
    for path in paths:
        array = opened(path)
        first = array if first is None else first
        if array.ndim == 0 or array.dtype != first.dtype or array.shape[1:] != first.shape[1:]:
            raise DataError(
                f'"{path}" holds {array.dtype} {list(array.shape)}, and "{paths[0].name}" {first.dtype}'
                f" {list(first.shape)}",
                "write all shards of a set in one dtype and width; they may differ in length",
            )
        parts.append(Part(path, len(array), array.dtype))
    assert first is not None
    return Shards(parts, _notes(paths), first.dtype, first.shape[1:])


def _notes(paths: Sequence[Path]) -> list[Note]:
    """Return what is known of each file; those that nobody knows as they are now are read once, and told of."""
    folder = paths[0].parent
    written = {
        name: Note(*note)
        for shard in (files.read_sealed(manifest(paths[0])) or {"shards": []})["shards"]
        for name, note in shard.items()
    }
    kept = files.home() / "shards" / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]}.json"
    remembered = {name: Note(*note) for name, note in (files.read_sealed(kept) or {}).items()}
    known: dict[Path, Note | None] = {}
    for path in paths:
        notes = (each[path.name] for each in (written, remembered) if path.name in each)
        known[path] = next((note for note in notes if note.of(path)), None)
    unknown = [path for path, found in known.items() if found is None]
    done = 0
    with console.bar(f"reading {folder.name}", sum(path.stat().st_size for path in unknown)) as bar:
        for path in unknown:
            known[path] = found = noted(path)
            if path.name in written and written[path.name].sha256 != found.sha256:
                raise DataError(f'"{path}" is damaged: it is not as it was written', _AGAIN)
            bar.update(done := done + found.size)
    if unknown:
        files.write_sealed(kept, remembered | {path.name: known[path] for path in unknown})
    return [note for note in known.values() if note]


def noted(path: Path) -> Note:
    """Read a file, and say what must be known of it."""
    array, least, most = opened(path), np.inf, -np.inf
    if array.dtype.kind not in "biuf":
        raise DataError(f'"{path}" holds {array.dtype}', "shards hold numbers; name the classes in labels.npy")
    with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite, and is told
        for part in rows.stretches(array):
            values = part.astype(np.float32, copy=False) if part.dtype.kind == "f" else part
            if values.size:
                least, most = np.minimum(least, values.min()), np.maximum(most, values.max())
    about = path.stat()
    told = [float(value) if np.isfinite(value) else None for value in (least, most)]
    return Note(about.st_size, about.st_mtime_ns, files.sha256(path), *told)
