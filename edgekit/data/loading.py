"""From what a recipe says about its data to three splits: finds the source, checks it, splits it. No torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.data.dataset import Dataset, Split
from edgekit.data.examples import Examples, Source, checked, no_empty_class
from edgekit.data.sources import digits, fashion_mnist, image_folder, npz
from edgekit.data.splitting import hold_out
from edgekit.errors import DataError, nearest

if TYPE_CHECKING:
    from edgekit.recipe import schema

NAMED: dict[str, Callable[[], Source]] = {"digits": digits.read, "fashion-mnist": fashion_mnist.read}


def load(data: schema.Data, folder: Path, seed: int) -> Dataset:
    """Load `data.source` and split it: the same seed gives the same splits on every machine.

    `folder` is the recipe's own, from where relative paths count. A source's own test split is kept; otherwise
    `data.test_fraction` is held out first, and `data.validation_fraction` of what is left. Raises DataError.
    """
    source = _read(data, folder)
    labels = data.labels or source.labels
    if source.labels and labels and len(labels) != len(source.labels):
        raise DataError(
            f'data.labels names {len(labels)} classes, and "{source.train.where}" has {len(source.labels)}',
            f"its classes are {', '.join(source.labels)}",
        )
    train = checked(source.train, len(labels) if labels else None)
    labels = list(labels) if labels else [str(number) for number in range(int(train.targets.max()) + 1)]
    if source.test:
        test = checked(source.test, len(labels))
        if test.inputs.shape[1:] != train.inputs.shape[1:] or test.inputs.dtype != train.inputs.dtype:
            raise DataError(
                f'"{test.where}": test examples are {_form(test)} each, and training examples {_form(train)}',
                "bring both into one form",
            )
    else:
        train, test = hold_out(train, data.test_fraction, seed, "test")
    train, validation = hold_out(train, data.validation_fraction, seed, "validation")
    no_empty_class(train.targets, labels, train.where)
    return Dataset(_split(train), _split(validation), _split(test), labels)


def _read(data: schema.Data, folder: Path) -> Source:
    if data.source in NAMED:
        return NAMED[data.source]()
    try:
        path = folder / Path(data.source).expanduser()
    except RuntimeError as error:
        raise DataError(f'data.source "{data.source}": {error}', "write the whole path") from error
    if path.is_dir():
        return image_folder.read(path, data.labels)
    if path.is_file() and path.suffix == ".npz":
        return npz.read(path)
    if path.is_file():
        raise DataError(
            f'"{path}" is no data that edgekit reads', "give a .npz file or a folder with a folder per class"
        )
    near = nearest(data.source, list(NAMED))
    raise DataError(
        f'there is no data source "{data.source}"'
        + (f" and no such file in {folder}" if not path.is_absolute() else ""),
        f'did you mean "{near}"?'
        if near
        else f"one of {', '.join(NAMED)}, a .npz file, or a folder with a folder per class",
    )


def _form(examples: Examples) -> str:
    return f"{examples.inputs.dtype} {list(examples.inputs.shape[1:])}"


def _split(examples: Examples) -> Split:
    return Split(examples.inputs, examples.targets)
