"""Which reader a source's name, file or folder is for. No torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.data import columns
from edgekit.data.examples import Source
from edgekit.data.sources import (
    digits,
    exercise,
    fashion_mnist,
    hugging_face,
    idx,
    image_folder,
    line,
    mnist,
    movie_snippets,
    mrpc,
    npy,
    npz,
    python_text,
    table,
    text_file,
)
from edgekit.errors import DataError, nearest
from edgekit.recipe.finding import place

if TYPE_CHECKING:
    from edgekit.recipe.data import Data

NAMED: dict[str, Callable[[], Source]] = {
    "digits": digits.read,
    "fashion-mnist": fashion_mnist.read,
    "mnist": mnist.read,
    "movie-snippets": movie_snippets.read,
    "exercise": exercise.read,
    "python-text": python_text.read,
    "line": line.read,
}
RATED: dict[str, Callable[[], Source]] = {"movie-snippets": movie_snippets.ratings}  # what has numbers to be told too


def opened(said: str, data: Data, folder: Path, kind: str = "class", labels: list[str] | None = None) -> Source:
    """Read the source that a recipe in `folder` names. Raises DataError where there is none, or it cannot be read.

    `kind` is what its targets are, and `labels` the names of the classes where they are known already: tables hang on
    both.
    """
    if said in NAMED:
        return (RATED if kind == "number" else NAMED).get(said, NAMED[said])()
    try:
        path = place(folder, str(Path(said).expanduser()))
    except RuntimeError as error:
        raise DataError(f'data.source "{said}": {error}', "write the whole path") from error
    if said.startswith(hugging_face.PREFIX) or hugging_face.is_saved(path):
        label = data.columns.label[0] if data.columns.label and len(data.columns.label) == 1 else None
        tables, names = hugging_face.read(said if said.startswith(hugging_face.PREFIX) else path, label)
        return columns.read(tables, data, kind, labels or names)
    if table.reads(path):
        return columns.read({"train": table.read(path)}, data, kind, labels)
    if path.is_dir() and mrpc.holds(path):
        return columns.read(mrpc.read(path), data, kind, labels or mrpc.LABELS)
    if path.is_dir() and (tables_of := table.parts(path)):
        return columns.read({split: table.read(part) for split, part in tables_of.items()}, data, kind, labels)
    if path.is_dir() and idx.find(path, idx.FILES[0][0]):
        return idx.source(path)
    if path.is_dir() and npy.holds(path):
        return npy.read(path)
    if path.is_dir():
        return image_folder.read(path, data.labels)
    if path.is_file() and path.suffix == ".npz":
        return npz.read(path)
    if path.is_file() and path.suffix == ".txt":
        return text_file.read(path)
    if path.is_file():
        raise DataError(
            f'"{path}" is no data that edgekit reads',
            "give a .npz, .csv, .tsv, .jsonl or .txt file, or a folder with a folder per class",
        )
    near = nearest(said, list(NAMED))
    raise DataError(
        f'there is no data source "{said}"' + (f" and no such file in {folder}" if not path.is_absolute() else ""),
        f'did you mean "{near}"?'
        if near
        else f"one of {', '.join(NAMED)}, a .npz, .csv, .tsv, .jsonl or .txt file, or a folder with a folder per class",
    )
