"""Rows of a set that is larger than memory, from wherever they come, to the shards that a recipe reads. numpy.

Each shard is written in one step and noted in shards.json with its SHA-256, so that writing can be killed at any moment
and called again; and what became damaged later is found and made anew.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgekit import console, files
from edgekit.data import shards
from edgekit.data.shards import Note
from edgekit.errors import DataError

NAMES = ("x", "y", "groups")
_BYTES = 1 << 25  # of inputs in a shard, unless it is said
_ROWS = 4096  # that are made an array at a time

Row = tuple[Any, Any] | tuple[Any, Any, int]


def write_shards(
    folder: str | Path, rows: Iterable[Row], *, part: Literal["", "train", "test"] = "", length: int | None = None
) -> int:
    """Write `rows` as shards that a recipe reads by `data: {source: FOLDER}`, and return how many rows there are.

    rows: (x, y) for each example, or (x, y, group), as arrays or numbers: x uint8 [H,W] or [H,W,C], float [F] or [T,C],
    or ids int [T]; all of one dtype and form. part: "train" or "test", where the test split is one's own. length: rows
    in a shard; unless it is said, as many as fill 32 MiB. About four times a shard's size is needed in memory.

    Called again with the same rows it goes on where it was stopped: what is written is read and held against its
    SHA-256, the rows of it are passed over, and a file that is missing or damaged is made anew, which a line tells.
    Nothing is asked of `rows` where all is whole. Raises DataError where rows differ in form, or from those before.
    """
    folder = Path(folder)
    names = [f"{name}_{part}" if part else name for name in NAMES]
    place = folder / (f"shards_{part}.json" if part else "shards.json")
    written = files.read_sealed(place) or {"length": length, "rows": [], "whole": False, "shards": []}
    if length not in (None, written["length"]):
        said = f'"{folder}" has shards of {written["length"]} rows, and {length} are asked for'
        raise DataError(said, "choose another folder, or remove this one")
    bad = _damaged(folder, written["shards"])
    if written["whole"] and not bad:
        return sum(written["rows"])
    files.sweep(folder)
    source, number, form = iter(rows), 0, None
    while not written["whole"] or any(each >= number for each in bad):
        known = number < len(written["rows"])
        if known and number not in bad:
            if sum(1 for _ in islice(source, written["rows"][number])) < written["rows"][number]:
                raise _other(folder, number)
            number += 1
            continue
        arrays = _taken(source, written["rows"][number] if known else written["length"], form, number)
        if not arrays:
            if known:
                raise _other(folder, number)
            written["whole"] = True
            break
        form = [(array.dtype, array.shape[1:]) for array in arrays]
        before = written["shards"][number] if known else {}
        made = dict(zip((f"{name}-{number:05d}.npy" for name in names), arrays, strict=False))
        noted = {name: _written(folder / name, array, before.get(name)) for name, array in made.items()}
        if known:
            console.say(f"{folder}: shard {number} was {bad[number]}; it was made anew")
            written["shards"][number] = noted
        else:
            written["length"] = written["length"] or len(arrays[0])
            written["shards"].append(noted)
            written["rows"].append(len(arrays[0]))
        files.write_sealed(place, written)
        number += 1
    files.write_sealed(place, written)
    if not written["rows"]:
        raise DataError(f'there are no rows to write to "{folder}"', "give one (x, y) for each example")
    return sum(written["rows"])


def _damaged(folder: Path, noted: list[dict[str, list[Any]]]) -> dict[int, str]:
    """Tell of each shard that is not as it was written what is wrong with it."""
    found: dict[int, str] = {}
    with console.bar(f"looking at {folder.name}", len(noted)) as bar:
        for number, shard in enumerate(noted):
            for name, note in shard.items():
                path = folder / name
                if not path.is_file():
                    found[number] = f"missing ({name})"
                elif files.sha256(path) != Note(*note).sha256:
                    found[number] = f"damaged ({name})"
                elif not Note(*note).of(path):  # copied, or touched
                    shard[name] = list(shards.noted(path))
            bar.update(number + 1)
    return found


def _taken(source: Iterator[Row], count: int | None, form: Any, number: int) -> list[NDArray[Any]]:
    """Return the next `count` rows as arrays x, y and perhaps groups; none where there are no more."""
    parts: list[list[NDArray[Any]]] = []
    seen = 0
    while count is None or seen < count:
        rows = list(islice(source, 1 if count is None else min(_ROWS, count - seen)))
        if not rows:
            break
        seen += len(rows)
        try:
            columns = [np.stack([np.asarray(value) for value in column]) for column in zip(*rows, strict=True)]
        except (ValueError, TypeError) as error:
            raise DataError(f"rows of shard {number}: {error}", "give all rows as (x, y), of one form") from error
        told = [(column.dtype, column.shape[1:]) for column in columns]
        form = form or told
        if told != form or len(told) not in (2, 3) or any(column.dtype.kind not in "biuf" for column in columns):
            raise DataError(
                f"rows of shard {number} are {_form(told)}" + (f", those before {_form(form)}" if told != form else ""),
                "give (x, y) or (x, y, group) for each example, numbers of one dtype and form",
            )
        parts.append(columns)
        if count is None:
            count = max(_BYTES // max(columns[0][:1].nbytes, 1), 1)
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _form(told: list[tuple[np.dtype[Any], tuple[int, ...]]]) -> str:
    return ", ".join(f"{dtype} {list(shape)}" for dtype, shape in told)


def _written(path: Path, array: NDArray[Any], before: list[Any] | None) -> Note:
    content = io.BytesIO()  # by way of memory: of a full disk np.save says nothing that could be understood
    np.save(content, array)
    if before and hashlib.sha256(content.getbuffer()).hexdigest() != Note(*before).sha256:
        raise _other(path.parent, int(path.stem.rpartition("-")[2]))
    with files.atomic(path) as temporary:
        temporary.write_bytes(content.getbuffer())
    shards.opened.cache_clear()
    return shards.noted(path)


def _other(folder: Path, number: int) -> DataError:
    return DataError(
        f'the rows given now are not those that shard {number} of "{folder}" was written of',
        "give the same rows in the same order, or choose another folder",
    )
