from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgekit.data.dataset import Split
from edgekit.locks import Device


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device("cpu")
    yield made
    made.close()


@pytest.fixture
def split() -> Split:
    """Give 44 pictures of 6x5 pixels, in 3 classes that the brightness of two rows tells apart."""
    draw = np.random.default_rng(0)
    targets = draw.integers(0, 3, 44)
    pixels = draw.integers(0, 100, (44, 6, 5, 1), dtype=np.uint8)
    for index, target in enumerate(targets):
        pixels[index, 2 * target : 2 * target + 2] += 120
    return Split(pixels, targets)
