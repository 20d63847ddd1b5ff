"""Microsoft's paraphrases (Dolan and Brockett 2005), MRPC: the folder as Microsoft packs it, or as GLUE cuts it.

`msr_paraphrase_train.txt` and `msr_paraphrase_test.txt`, or `train.tsv`, `dev.tsv` and `test.tsv`: UTF-8, often with a
byte order mark, tabs between the cells, and quotes that are plain characters. The columns get the names that the hub
gives them, so that one recipe reads both. GLUE's test pairs have no labels, and are passed over.
"""

from __future__ import annotations

from pathlib import Path

from edgekit.data.columns import Table
from edgekit.data.sources import table

LABELS = ["not_equivalent", "equivalent"]
NAMES = {"Quality": "label", "#1 ID": "idx1", "#2 ID": "idx2", "#1 String": "sentence1", "#2 String": "sentence2"}
FILES = {
    "train": ("msr_paraphrase_train.txt", "train.tsv"),
    "validation": ("dev.tsv",),
    "test": ("msr_paraphrase_test.txt", "test.tsv"),
}
_UTF8 = "utf-8-sig"  # the mark before the first name is none of its letters


def holds(folder: Path) -> bool:
    """Tell whether a folder has MRPC's training pairs, by the names of their columns."""
    return any(_labelled(folder / name) for name in FILES["train"])


def read(folder: Path) -> dict[str, Table]:
    """Return the tables of the splits that have labels; the columns are "label", "sentence1", "sentence2" and ids."""
    found = {
        split: next((path for name in names if _labelled(path := folder / name)), None)
        for split, names in FILES.items()
    }
    tables = {split: table.read(path, ".tsv") for split, path in found.items() if path}
    return {
        split: each._replace(columns={NAMES[name]: cells for name, cells in each.columns.items()})
        for split, each in tables.items()
    }


def _labelled(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding=_UTF8, errors="replace") as lines:
        return [name.strip() for name in lines.readline().split("\t")] == list(NAMES)
