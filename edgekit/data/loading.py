"""From what a recipe says about its data to three splits: reads the source, splits it, makes it ready. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data import continuing, normalizing, tokenizing, windows
from edgekit.data.dataset import NO_PADDING, Dataset, Split
from edgekit.data.examples import Examples, Source, checked, no_empty_class
from edgekit.data.opening import opened
from edgekit.data.rows import Joined, chosen, sharded
from edgekit.data.shards import Shards
from edgekit.data.splitting import apart, hold_out
from edgekit.errors import DataError

if TYPE_CHECKING:
    from edgekit.recipe.data import Data

UNLABELLED = -1


def load(data: Data, folder: Path, seed: int, kind: str = "class") -> Dataset:
    """Load what `data` says and split it: the same seed gives the same splits on every machine.

    `folder` is the recipe's own, from where relative paths count. `kind` is what the targets are, as a task says. A
    source's own test split is kept; otherwise `data.test_fraction` is held out first, and `data.validation_fraction` of
    what is left. Raises DataError.
    """
    source = _gathered(data, folder, kind)
    _drawn(data, source)
    if kind == "token":
        return continuing.dataset(source, data)
    labels = _labels(data, source, kind)
    train = checked(source.train, kind, len(labels) if labels else None)
    labels = labels or _counted(train, kind)
    if source.test:
        test = _like(checked(source.test, kind, len(labels) if labels else None), train)
    else:
        train, test = hold_out(train, data.test_fraction, seed, "test", data.split)
    if source.validation:
        validation = _like(checked(source.validation, kind, len(labels) if labels else None), train)
    else:
        train, validation = hold_out(train, data.validation_fraction, seed, "validation", data.split)
    if data.split.by == "group":
        apart(train, validation, test)
    if kind == "class":
        no_empty_class(train.targets, labels, train.where)
    if data.unlabelled:
        train = _with(train, opened(data.unlabelled, data, folder, "vector").train, kind)
    return _ready(data, folder, (train, validation, test), labels)


def _gathered(data: Data, folder: Path, kind: str) -> Source:
    source = opened(data.source, data, folder, kind, data.labels)
    labels = data.labels or source.labels
    if data.validation:
        source = source._replace(validation=opened(data.validation, data, folder, kind, labels).train)
    return source._replace(test=opened(data.test, data, folder, kind, labels).train) if data.test else source


def _drawn(data: Data, source: Source) -> None:
    """Refuse groups that are named for a split which the source has already."""
    for part, given in (("validation", source.validation), ("test", source.test)):
        if given and getattr(data.split, part):
            raise DataError(
                f'data.split.{part} names groups, and "{given.where}" is a {part} split already',
                f"leave data.split.{part} out",
            )


def _labels(data: Data, source: Source, kind: str) -> list[str]:
    if kind not in ("class", "labels"):
        return []
    if source.labels and data.labels and len(data.labels) != len(source.labels):
        raise DataError(
            f'data.labels names {len(data.labels)} classes, and "{source.train.where}" has {len(source.labels)}',
            f"its classes are {', '.join(source.labels)}",
        )
    return list(data.labels or source.labels or [])


def _counted(train: Examples, kind: str) -> list[str]:
    if kind == "class":
        targets: Any = train.targets
        most = max(note.most or 0 for note in targets.notes) if isinstance(targets, Shards) else targets.max()
        return [str(number) for number in range(int(most) + 1)]
    return [str(number) for number in range(train.targets.shape[1])] if kind == "labels" else []


def _like(examples: Examples, train: Examples) -> Examples:
    if examples.inputs.shape[1:] != train.inputs.shape[1:] or examples.inputs.dtype != train.inputs.dtype:
        raise DataError(
            f'"{examples.where}": its examples are {_form(examples)} each, and training examples {_form(train)}',
            "bring both into one form",
        )
    return examples


def _with(train: Examples, further: Examples, kind: str) -> Examples:
    """Add examples that have no label to those for training."""
    further = _like(checked(further, "vector", None), train)
    shape = (len(further.inputs), *train.targets.shape[1:])
    nothing = np.broadcast_to(np.array(np.nan if kind == "number" else UNLABELLED, train.targets.dtype), shape)
    # What has a group is held apart by it; what has no label is in no other split.
    parts = (train.inputs, further.inputs), (train.targets, nothing)
    join: Any = Joined if any(map(sharded, parts[0])) else np.concatenate
    return Examples(join(parts[0]), join(parts[1]), train.where)


def labelled(split: Split) -> Split:
    """Return the examples that have a label: of classes, -1 says that there is none."""
    if split.targets.ndim > 1 or split.targets.dtype.kind != "i":
        return split
    if sharded(split.inputs):
        parts: tuple[Any, Any] = split.inputs, split.targets
        return Split(*(each.parts[0] for each in parts)) if all(type(each) is Joined for each in parts) else split
    rows = split.targets != UNLABELLED
    if rows.all():
        return split
    return Split(chosen(split.inputs, rows), split.targets[rows], None if split.groups is None else split.groups[rows])


def _ready(data: Data, folder: Path, parts: tuple[Examples, Examples, Examples], labels: list[str]) -> Dataset:
    """Make arrays of texts and recordings, and tell what they are normalised by."""
    tokenizer, pad, texts = None, NO_PADDING, 0
    first = parts[0].inputs[0] if parts[0].inputs.dtype == object else None
    if isinstance(first, str | tuple):
        tokenizer = tokenizing.prepared(data.text, folder, parts[0])
        opened_tokenizer = tokenizing.Encoder(tokenizer)
        pad, texts = opened_tokenizer.pad, len(first) if isinstance(first, tuple) else 1
        parts = tuple(opened_tokenizer.encoded(part) for part in parts)  # type: ignore[assignment]
    elif first is not None:
        parts = tuple(windows.cut(part, data.window) for part in parts)  # type: ignore[assignment]
    train, validation, test = (Split(part.inputs, part.targets, _numbered(part.groups)) for part in parts)
    normalize = normalizing.settled(data.normalize, train)
    return Dataset(train, validation, test, labels, normalize, tokenizer, pad, texts)


def _numbered(groups: NDArray[Any] | None) -> NDArray[np.int64] | None:
    """Number groups from 0; those of shards are numbers already."""
    if groups is None or sharded(groups):
        return groups
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def _form(examples: Examples) -> str:
    if examples.inputs.dtype == object:
        return "texts" if isinstance(examples.inputs[0], str | tuple) else "recordings"
    return f"{examples.inputs.dtype} {list(examples.inputs.shape[1:])}"
