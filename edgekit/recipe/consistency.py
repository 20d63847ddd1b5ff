"""What a schema cannot say: files, the order of stages, and whether the parts of a recipe fit each other. No torch.

Every check reads the plain values and passes over what is absent or of the wrong type, which the schema tells; so
that all faults of a recipe are found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from edgekit.errors import nearest
from edgekit.recipe import finding
from edgekit.recipe.data import SOURCES
from edgekit.recipe.document import Document
from edgekit.recipe.faults import Fault, shown
from edgekit.recipe.network_faults import networks
from edgekit.recipe.search_faults import search
from edgekit.recipe.stage_faults import stages
from edgekit.recipe.task_faults import export, task


def check(document: Document, folder: Path) -> Iterator[Fault]:
    """Yield every fault of a recipe in `folder` that its schema cannot tell."""
    for find in _CHECKS:
        yield from find(document, folder)


def _data(document: Document, folder: Path) -> Iterator[Fault]:
    source = document.text("data", "source")
    if source is not None and source not in SOURCES and not _exists(folder, source):
        near = nearest(source, list(SOURCES))
        said = f'there is no data source "{source}", and no such file or folder in "{finding.shown(folder)}"'
        hint = (
            f"one of {', '.join(SOURCES)}, a .npz, .csv, .tsv, .jsonl or .txt file, or a folder with a folder per class"
        )
        yield Fault(("data", "source"), said + (f'; did you mean "{near}"?' if near else ""), hint)
    mixed = [document.get("data", "augment", key) for key in ("mixup", "cutmix")]
    often = [value for value in mixed if isinstance(value, int | float)]
    if len(often) == 2 and sum(often) > 1:
        said = f"mixup {mixed[0]} and cutmix {mixed[1]} happen together more often than always"
        yield Fault(("data", "augment", "cutmix"), said, "let them add up to 1 at most")
    yield from _split(document)
    labels = document.get("data", "labels")
    if isinstance(labels, list):
        for index, label in enumerate(labels):
            if label in labels[:index]:
                yield Fault(("data", "labels", index), f"{shown(label)} is a label twice")


def _split(document: Document) -> Iterator[Fault]:
    """Groups can be named for a split that is drawn, and drawn by group."""
    for part in ("validation", "test"):
        at = ("data", "split", part)
        if document.get(*at) is None:
            continue
        if document.get("data", "split", "by") != "group":
            yield Fault(at, "it names groups, and the split is not drawn by group", "say data.split.by: group")
        elif document.get("data", part) is not None:
            yield Fault(at, f"it names groups, and data.{part} says where the examples come from", "leave one out")


def _exists(folder: Path, source: str) -> bool:
    if source.startswith((finding.DATA, "hf:")):  # may be fetched after the recipe is read
        return True
    try:
        return (folder / Path(source).expanduser()).exists()
    except (OSError, RuntimeError):  # too long a name, no such user
        return False


_CHECKS: tuple[Callable[[Document, Path], Iterator[Fault]], ...] = (task, export, _data, networks, stages, search)
