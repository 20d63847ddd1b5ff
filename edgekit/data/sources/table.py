"""Tables: .csv, .tsv and .jsonl, a row per example; or a folder with a table for each split.

A .csv is quoted as RFC 4180 has it, a .tsv not at all (as GLUE's are). Both begin with the names of the columns. In a
.jsonl every line is an object.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit.data.columns import Table
from edgekit.errors import DataError

SPLITS = {"train": ("train",), "validation": ("validation", "valid", "dev"), "test": ("test",)}


def reads(path: Path) -> bool:
    """Tell whether `path` is a table's file."""
    return path.suffix.lower() in _READERS and path.is_file()


def parts(folder: Path) -> dict[str, Path]:
    """Return the tables of a folder by split, "train" first; none where there is no table for training."""
    found = {
        split: path
        for split, stems in SPLITS.items()
        for stem in stems
        for suffix in _READERS
        if (path := folder / f"{stem}{suffix}").is_file()
    }
    return found if "train" in found else {}


def read(path: Path, form: str | None = None) -> Table:
    """Read a table whole, in the `form` that its suffix says or another; DataError that names the line at fault."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f'"{path}" cannot be read: {error.strerror}') from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise DataError(f'"{path}", line {line}: {byte}', "save it as UTF-8") from None
    return _READERS[form or path.suffix.lower()](text, path)


def _separated(text: str, path: Path, **form: Any) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **form)
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        names = [name.strip() for name in next(reader, [])]
        for row in reader:
            line, begun = reader.line_num + 1, line if rows else 2
            if not row:
                continue
            if len(row) != len(names):
                raise DataError(
                    f'"{path}", line {begun}: {len(row)} cells, and the first line names {len(names)} columns',
                    "a cell that holds a separator or a new line is put in quotes",
                )
            rows.append(row)
            lines.append(begun)
    except csv.Error as error:
        raise DataError(f'"{path}", line {reader.line_num}: {error}', "repair the quotes") from None
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f'"{path}" has two columns "{min(twice)}"', "give every column a name of its own")
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return Table(dict(zip(names, columns, strict=True)), str(path), lines)


def _objects(text: str, path: Path) -> Table:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f'"{path}", line {number}: no JSON: {error}', "write one JSON object per line") from None
        if not isinstance(row, dict):
            raise DataError(
                f'"{path}", line {number}: no JSON object', 'write each line as {"text": ..., "label": ...}'
            )
        rows.append(row)
        lines.append(number)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table({name: [row.get(name) for row in rows] for name in names}, str(path), lines)


_READERS: dict[str, Callable[[str, Path], Table]] = {
    ".csv": lambda text, path: _separated(text, path),
    ".tsv": lambda text, path: _separated(text, path, delimiter="\t", quoting=csv.QUOTE_NONE),
    ".jsonl": _objects,
}
