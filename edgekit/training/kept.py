"""The teacher's answers on disk: by view and kind, in shards of so many examples, each behind its SHA-256.

A shard is the same whoever asked for it: several processes ask for different ones, and a later run of any number of
processes reads them. One that is missing or damaged is asked for again, alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edgekit import console, files

SHARD = 1 << 14  # examples
_AT_ONCE = 256  # files that are mapped, each of which holds a descriptor


class Shard(NamedTuple):
    """A stretch of the examples as one view shows them."""

    view: int
    number: int

    def rows(self, examples: int) -> range:
        """Return which of the examples they are."""
        return range(self.number * SHARD, min((self.number + 1) * SHARD, examples))


class Kept:
    """The shards of one teacher's answers, in a folder of their own. `kinds`: what is kept of each example."""

    def __init__(self, folder: Path, kinds: Sequence[str], examples: int) -> None:
        self.folder, self.kinds, self.examples = folder, kinds, examples
        self._open: dict[tuple[Shard, str], np.ndarray] = {}

    def missing(self, views: int) -> list[Shard]:
        """List the shards of the first `views` views that are not there, or not whole; lines tell of them."""
        shards = [Shard(view, number) for view in range(views) for number in range(-(-self.examples // SHARD))]
        missing = [shard for shard in shards if not all(self._whole(shard, kind) for kind in self.kinds)]
        if 0 < len(missing) < len(shards):
            console.say(f"the teacher's answers: {len(missing)} of {len(shards)} parts are missing; asking for these")
        return missing

    def keep(self, shard: Shard, answers: dict[str, np.ndarray]) -> None:
        """Write the answers of a shard, by kind (n, ...), in the examples' order."""
        for kind, rows in answers.items():
            self._open.pop((shard, kind), None)
            path = self._path(shard, kind)
            content = io.BytesIO()  # by way of memory: of a full disk np.save says nothing that could be understood
            np.save(content, rows)
            with files.atomic(path) as temporary:
                temporary.write_bytes(content.getbuffer())
            files.write_text(path.with_suffix(".sha256"), files.sha256(path))

    def rows(self, view: int, kind: str, index: np.ndarray) -> np.ndarray:
        """Return what was answered to the examples `index` int64 (b,), float32 or float16 (b, ...)."""
        shards = index // SHARD
        numbers = np.unique(shards)
        if len(numbers) == 1:
            return np.asarray(self._mapped(Shard(view, int(numbers[0])), kind)[index % SHARD])
        parts = {number: self._mapped(Shard(view, int(number)), kind) for number in numbers}
        first = next(iter(parts.values()))
        found = np.empty((len(index), *first.shape[1:]), np.result_type(*parts.values()))
        for number, rows in parts.items():
            found[shards == number] = rows[index[shards == number] % SHARD]
        return found

    def _mapped(self, shard: Shard, kind: str) -> np.ndarray:
        if (shard, kind) not in self._open:
            if len(self._open) >= _AT_ONCE:
                self._open.clear()
            self._open[shard, kind] = np.load(self._path(shard, kind), mmap_mode="r")
        return self._open[shard, kind]

    def _whole(self, shard: Shard, kind: str) -> bool:
        path = self._path(shard, kind)
        note = path.with_suffix(".sha256")
        if not path.exists() or not note.exists():
            return False
        if note.read_text() != files.sha256(path):
            console.say(f"{path}: the kept answers are damaged; asking the teacher again")
            return False
        return True

    def _path(self, shard: Shard, kind: str) -> Path:
        return self.folder / f"view-{shard.view}-{kind}-{shard.number:05d}.npy"
