"""What a sweep has measured so far, on disk before it goes on: one line of JSON for each thing that was found.

The only file of edgekit that is not written in one step: lines are added, each of them flushed to the disk. A line that
a kill cut short is dropped when the journal is opened again. Becomes a Record at the end (`sweep.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit import files
from edgekit.errors import DataError, UsageError

_VERSION = 1


def beside(record: Path) -> Path:
    """Return where the journal of a record lies."""
    return record.with_name(record.stem + ".part.jsonl")


def check_place(path: Path) -> None:
    """Raise UsageError, before anything is measured, where no file can be written at `path`."""
    above = next(folder for folder in (*path.absolute().parents,) if folder.exists())
    if path.is_dir():
        raise UsageError(f'"{path}" is a folder', "name a file in it")
    if not above.is_dir() or not os.access(above, os.W_OK):
        why = "is no folder" if not above.is_dir() else "may not be written to"
        raise UsageError(f'"{path}" cannot be written: "{above}" {why}', "name another place")


class Journal:
    """The lines of one sweep. `head`: what it was begun with; `lines`: what was found since, in order."""

    def __init__(self, path: Path, head: Mapping[str, Any], lines: list[dict[str, Any]]) -> None:
        self.path = path
        self.head = head
        self.lines = lines

    @classmethod
    def begun(cls, path: Path, head: Mapping[str, Any]) -> Journal:
        """Begin a journal; `head` is its first line."""
        journal = cls(path, json.loads(json.dumps({"journal": _VERSION, **head})), [])
        with files.disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
        journal._append(journal.head)
        return journal

    @classmethod
    def opened(cls, path: Path) -> Journal | None:
        """Open a journal to go on with it; None where there is none. DataError where it is damaged."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f'the journal "{path}" cannot be read: {error.strerror}') from None
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:  # killed within the first line: nothing was measured
            return None
        try:
            head, *lines = [json.loads(line) for line in whole.splitlines()]
            version = head["journal"] if all(isinstance(line, dict) for line in lines) else None
        except (ValueError, KeyError, TypeError):
            raise DataError(f'the journal "{path}" is damaged', "remove it, and measure again") from None
        if version != _VERSION:
            raise DataError(f'the journal "{path}" is of another edgekit', "remove it, and measure again")
        if len(whole) < len(content):
            with files.disk_errors(path):
                os.truncate(path, len(whole))
        return cls(path, head, lines)

    def add(self, **found: Any) -> None:
        """Add what was found; it is on the disk when this returns."""
        self.lines.append(found)
        self._append(found)

    def check(self, head: Mapping[str, Any]) -> None:
        """Raise UsageError where the journal was begun with something else than `head`."""
        changed = [key for key, value in head.items() if self.head.get(key) != json.loads(json.dumps(value))]
        if changed:
            raise UsageError(
                f'"{self.path}" holds what was measured with other {" and ".join(changed)}',
                "give what it was begun with to go on, or another --output; or remove it",
            )

    def remove(self) -> None:
        """Remove the file, once its record is written."""
        self.path.unlink(missing_ok=True)

    def _append(self, said: Mapping[str, Any]) -> None:
        with files.disk_errors(self.path), self.path.open("ab") as stream:
            stream.write(json.dumps(said, ensure_ascii=False, allow_nan=False).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
