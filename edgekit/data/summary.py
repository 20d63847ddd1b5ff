"""What is in a data set, told before anything is trained on it: counts, balance, lengths, and what occurs twice.

Plain values for JSON; `commands/check.py` lays them out. Imports numpy.
"""

from __future__ import annotations

import hashlib
from itertools import combinations
from typing import Any

import numpy as np

from edgekit import console
from edgekit.data.dataset import Dataset, Split, class_counts, lengths
from edgekit.data.rows import known, sharded, stretches

UNLABELLED = -1
_LOOKED = 250_000  # examples of shards among which repeated ones are looked for


def summarise(dataset: Dataset, kind: str, limit: int | None = None) -> dict[str, Any]:
    """Return counts by split and by class, what occurs twice within and across splits, lengths of texts, and targets.

    `kind` is what the targets are, as a task says; `limit` is how many tokens a text is cut to.
    """
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    part = -(-sum(map(len, splits.values())) // _LOOKED) if sharded(dataset.train.inputs) else 1
    marks = {name: _marks(split, dataset.pad, part) for name, split in splits.items()}
    inputs = dataset.train.inputs
    return {
        "inputs": f"{inputs.dtype}[N,{','.join(map(str, inputs.shape[1:]))}]",
        "fingerprint": dataset.fingerprint,
        "splits": {name: _split(split, marks[name], part) for name, split in splits.items()},
        "both": {
            f"{one}/{other}": part * len(set(marks[one]) & set(marks[other])) for one, other in combinations(splits, 2)
        },
        "counted": 1 / part,
        "labels": _labels(splits, dataset.labels, kind),
        "numbers": {name: _numbers(split) for name, split in splits.items()} if kind == "number" else None,
        "tokens": {name: _tokens(split, dataset.pad, limit) for name, split in splits.items()}
        if inputs.dtype == np.int64 and dataset.tokenizer
        else None,
        "normalize": dataset.normalize.model_dump() if dataset.normalize else None,
    }


def _split(split: Split, marks: list[bytes], part: int) -> dict[str, int | None]:
    unlabelled = split.targets.ndim == 1 and split.targets.dtype == np.int64
    return {
        "examples": len(split),
        "unlabelled": sum(int((each == UNLABELLED).sum()) for each in stretches(split.targets)) if unlabelled else 0,
        "groups": None if split.groups is None else len(known(split.groups)),
        "repeated": part * (len(marks) - len(set(marks))),
    }


def _marks(split: Split, pad: int, part: int) -> list[bytes]:
    """Hash every example: equal ones, and they alone, have equal hashes, however far texts are filled up.

    Of the hashes about one in `part` is kept, and of equal ones all or none: what is counted of them, times `part`, is
    an estimate for the whole set.
    """
    marks, limit = [], (1 << 64) // part
    with console.bar("looking for repeated examples", len(split)) as bar:
        for at, rows in enumerate(stretches(split.inputs)):
            long = lengths(rows, pad) if rows.dtype == np.int64 else np.full(len(rows), rows.shape[1])
            for row, length in zip(rows, long, strict=True):
                mark = hashlib.blake2b(np.ascontiguousarray(row[:length]).tobytes(), digest_size=16).digest()
                if part == 1 or int.from_bytes(mark[:8], "big") < limit:
                    marks.append(mark)
            bar.update(min((at + 1) * len(rows), len(split)))
    return marks


def _labels(splits: dict[str, Split], labels: list[str], kind: str) -> dict[str, dict[str, int]] | None:
    if kind == "class":
        counts = {name: class_counts(split.targets, len(labels)) for name, split in splits.items()}
    elif kind == "labels":
        counts = {
            name: np.sum([(part == 1).sum(axis=0) for part in stretches(split.targets)], axis=0)
            for name, split in splits.items()
        }
    else:
        return None
    return {label: {name: int(counts[name][place]) for name in splits} for place, label in enumerate(labels)}


def _numbers(split: Split) -> dict[str, Any]:
    """Tell the spread of each column, stretch by stretch: what is joined has known squares (Chan et al. 1979)."""
    seen, mean, squares, least, most = 0.0, 0.0, 0.0, np.inf, -np.inf  # type: Any, Any, Any, Any, Any
    for part in stretches(split.targets):
        columns = part.reshape(len(part), -1).astype(np.float64)
        columns = columns[~np.isnan(columns).all(axis=1)]  # examples without a number
        if len(columns):
            here, more = (~np.isnan(columns)).sum(axis=0), np.nanmean(columns, axis=0)
            squares = squares + np.nanvar(columns, axis=0) * here + (more - mean) ** 2 * seen * here / (seen + here)
            mean, seen = mean + (more - mean) * here / (seen + here), seen + here
            least, most = np.minimum(least, np.nanmin(columns, axis=0)), np.maximum(most, np.nanmax(columns, axis=0))
    told = {"mean": mean, "std": np.sqrt(squares / seen), "least": least, "most": most}
    return {what: [float(f"{value:.6g}") for value in values] for what, values in told.items()}


def _tokens(split: Split, pad: int, limit: int | None) -> dict[str, int]:
    long = lengths(split.inputs, pad)
    full = int((long >= limit).sum()) if limit else 0
    return {"median": int(np.median(long)), "longest": int(long.max()), "at_limit": full}
