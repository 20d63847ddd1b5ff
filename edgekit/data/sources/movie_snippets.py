"""Movie snippets (Hutto and Gilbert 2014, from Pang and Lee's): 10,568 sentences of reviews, rated by twenty people.

A sentence is positive where its mean rating is above 0; those rated 0 are left out. Test examples are those whose
CRC-32 leaves 0 when divided by 5. The same people's other texts, which have no such rating, may be learned from
without labels: `data.unlabelled: data:movie-snippets/unlabelled.jsonl`.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError
from edgekit.files import data_home

FILE = "movie-snippets.tsv"
LABELS = ["negative", "positive"]
FOLDS = 5


def fold(text: str) -> int:
    """Return which of `FOLDS` parts a text belongs to, 0..4; 0 is the test."""
    return zlib.crc32(text.encode()) % FOLDS


def read(folder: Path | None = None) -> Source:
    """Return the texts with class 0 or 1."""
    whole = ratings(folder)
    assert whole.test
    train, test = (part._replace(targets=(part.targets > 0).astype(np.int64)) for part in (whole.train, whole.test))
    return Source(train, test, LABELS)


def ratings(folder: Path | None = None) -> Source:
    """Return the texts with their mean rating, float32 in -4..4."""
    path = (data_home() / "movie-snippets" if folder is None else folder) / FILE
    if not path.is_file():
        raise DataError(f'the movie snippets are not there: "{path}"', "`make data` brings them")
    rows = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    rated = [(float(rating), text) for rating, text in rows if float(rating)]
    inputs = np.empty(len(rated), dtype=object)
    inputs[:] = [text for _, text in rated]
    examples = Examples(inputs, np.array([rating for rating, _ in rated], dtype=np.float32), str(path))
    held = np.array([fold(text) == 0 for _, text in rated])
    return Source(examples.take(~held), examples.take(held))
