"""MNIST (LeCun, Cortes, Burges 1998): the four IDX files where they are there, else 10,000 of its training images.

The 10,000 come without a test split. Of them 2,000 are test examples for ever: those whose place among all, class after
class as they come, leaves 4 when divided by 5.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit import console
from edgekit.data.examples import Examples, Source
from edgekit.data.sources import idx
from edgekit.errors import DataError
from edgekit.files import data_home

LABELS = [str(digit) for digit in range(10)]
SMALL = "mnist-10000.npz"
_HELD, _OF = 4, 5


def read(folder: Path | None = None) -> Source:
    """Read uint8 [n,28,28] from `folder`, else from $EDGEKIT_DATA's."""
    folder = data_home() / "mnist" if folder is None else folder
    if idx.find(folder, idx.FILES[0][0]):
        console.say(f"mnist: the files in {folder}")
        return idx.source(folder, LABELS)
    small = folder / SMALL
    if not small.is_file():
        raise DataError(
            f'MNIST is not in "{folder}"', f"`make data` brings 10,000 images; or put the four IDX files into {folder}"
        )
    with np.load(small, allow_pickle=False) as arrays:
        examples = Examples(arrays["x"], arrays["y"].astype(np.int64), f"{small}")
    held = np.arange(len(examples.targets)) % _OF == _HELD
    return Source(examples.take(~held), examples.take(held), LABELS)
