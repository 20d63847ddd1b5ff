"""What is in a data set, told before anything is trained on it: counts, balance, lengths, and what occurs twice.

Plain values for JSON; `commands/check.py` lays them out. Imports numpy.
"""

from __future__ import annotations

import hashlib
from itertools import combinations
from typing import Any

import numpy as np

from edgekit.data.dataset import Dataset, Split, lengths

UNLABELLED = -1


def summarise(dataset: Dataset, kind: str, limit: int | None = None) -> dict[str, Any]:
    """Return counts by split and by class, what occurs twice within and across splits, lengths of texts, and targets.

    `kind` is what the targets are, as a task says; `limit` is how many tokens a text is cut to.
    """
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    marks = {name: _marks(split, dataset.pad) for name, split in splits.items()}
    inputs = dataset.train.inputs
    return {
        "inputs": f"{inputs.dtype}[N,{','.join(map(str, inputs.shape[1:]))}]",
        "fingerprint": dataset.fingerprint,
        "splits": {name: _split(split, marks[name]) for name, split in splits.items()},
        "both": {f"{one}/{other}": len(set(marks[one]) & set(marks[other])) for one, other in combinations(splits, 2)},
        "labels": _labels(splits, dataset.labels, kind),
        "numbers": {name: _numbers(split) for name, split in splits.items()} if kind == "number" else None,
        "tokens": {name: _tokens(split, dataset.pad, limit) for name, split in splits.items()}
        if inputs.dtype == np.int64 and dataset.tokenizer
        else None,
        "normalize": dataset.normalize.model_dump() if dataset.normalize else None,
    }


def _split(split: Split, marks: list[bytes]) -> dict[str, int | None]:
    unlabelled = split.targets.ndim == 1 and split.targets.dtype == np.int64
    return {
        "examples": len(split),
        "unlabelled": int((split.targets == UNLABELLED).sum()) if unlabelled else 0,
        "groups": None if split.groups is None else len(np.unique(split.groups)),
        "repeated": len(marks) - len(set(marks)),
    }


def _marks(split: Split, pad: int) -> list[bytes]:
    """Hash every example: equal ones, and they alone, have equal hashes, however far texts are filled up."""
    inputs = split.inputs
    long = lengths(inputs, pad) if inputs.dtype == np.int64 else np.full(len(inputs), inputs.shape[1])
    return [
        hashlib.blake2b(np.ascontiguousarray(inputs[row, : long[row]]).tobytes(), digest_size=16).digest()
        for row in range(len(inputs))
    ]


def _labels(splits: dict[str, Split], labels: list[str], kind: str) -> dict[str, dict[str, int]] | None:
    if kind == "class":
        counts = {
            name: np.bincount(split.targets[split.targets != UNLABELLED], minlength=len(labels))
            for name, split in splits.items()
        }
    elif kind == "labels":
        counts = {name: (split.targets == 1).sum(axis=0) for name, split in splits.items()}
    else:
        return None
    return {label: {name: int(counts[name][place]) for name in splits} for place, label in enumerate(labels)}


def _numbers(split: Split) -> dict[str, Any]:
    columns = split.targets.reshape(len(split), -1).astype(np.float64)
    return {
        what: [float(f"{value:.6g}") for value in measure(columns, axis=0)]
        for what, measure in (("mean", np.nanmean), ("std", np.nanstd), ("least", np.nanmin), ("most", np.nanmax))
    }


def _tokens(split: Split, pad: int, limit: int | None) -> dict[str, int]:
    long = lengths(split.inputs, pad)
    full = int((long >= limit).sum()) if limit else 0
    return {"median": int(np.median(long)), "longest": int(long.max()), "at_limit": full}
