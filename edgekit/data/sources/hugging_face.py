"""Data sets of Hugging Face: from the hub by name ("hf:NAME" or "hf:NAME:CONFIG"), or a folder of `save_to_disk`.

Needs `datasets`. Class names are those of its `ClassLabel`; pictures become arrays by their own decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.data.columns import Table
from edgekit.errors import DataError
from edgekit.extras import need

PREFIX = "hf:"
MARKS = ("dataset_dict.json", "dataset_info.json")
SPLITS = {"train": ("train",), "validation": ("validation", "valid", "dev"), "test": ("test",)}


def is_saved(folder: Path) -> bool:
    """Tell whether a folder is what `save_to_disk` wrote."""
    return any((folder / name).is_file() for name in MARKS)


def read(said: str | Path, label: str | None) -> tuple[dict[str, Table], list[str] | None]:
    """Return the tables of the splits there are, and the class names of the column `label` where it knows them."""
    datasets = need("datasets", "a data set of Hugging Face")
    found = _opened(datasets, said)
    whole = {"train": found} if not isinstance(found, dict) else found
    tables: dict[str, Table] = {}
    for split, names in SPLITS.items():
        held: Any = next((whole[name] for name in names if name in whole), None)
        if held is not None and not _hidden(held, label):
            columns: dict[str, Sequence[Any]] = {}
            for name in held.column_names:
                columns[name] = [_plain(value) for value in held[name]]
            tables[split] = Table(columns, f"{said} ({split})")
    if "train" not in tables:
        raise DataError(f'"{said}" has no split "train"', f"its splits are {', '.join(whole)}")
    classes = getattr(whole["train"].features.get(label), "names", None)
    return tables, list(classes) if classes else None


def _opened(datasets: Any, said: str | Path) -> Any:
    try:
        if isinstance(said, Path):
            return datasets.load_from_disk(str(said))
        name, _, config = said.removeprefix(PREFIX).partition(":")
        return datasets.load_dataset(name, config or None)
    except (OSError, ValueError) as error:  # the hub's own errors derive from these
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f'"{said}" cannot be had: {reason}', "see that its name is right and the hub is reached"
        ) from error


def _plain(value: Any) -> Any:
    """Make an array of a picture."""
    return np.asarray(value) if hasattr(value, "getbands") else value


def _hidden(held: Any, label: str | None) -> bool:
    """Tell whether no example of a split has its label: GLUE keeps those of its tests, and writes -1."""
    return label in held.column_names and len(held) > 0 and all(value == -1 for value in held[label])
