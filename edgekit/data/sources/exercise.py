"""Smartwatch exercises (Burns et al. 2018, of the package seglearn): 140 recordings of 7 exercises by 10 people, 50 Hz.

Each moment is an accelerometer's three axes and a gyroscope's three. The 1st, 5th and 9th person, by number, are test
examples for ever.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError
from edgekit.files import data_home

FILE = "exercise.npz"
_TEST = (0, 4, 8)


def read(folder: Path | None = None) -> Source:
    """Return recordings float32 [T,6], their classes, and the people as groups."""
    path = (data_home() / "exercise" if folder is None else folder) / FILE
    if not path.is_file():
        raise DataError(f'the exercises are not there: "{path}"', "`make data` brings them")
    with np.load(path, allow_pickle=False) as arrays:
        moments, lengths = arrays["moments"], arrays["lengths"]
        targets, people, labels = arrays["y"].astype(np.int64), arrays["people"], arrays["labels"].tolist()
    inputs = np.empty(len(lengths), dtype=object)
    for place, end in enumerate(np.cumsum(lengths)):
        inputs[place] = moments[end - lengths[place] : end]
    examples = Examples(inputs, targets, str(path), people)
    held = np.isin(people, np.unique(people)[list(_TEST)])
    return Source(examples.take(~held), examples.take(held), labels)
