"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 and 10,000 images of 28x28, from IDX files or from the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import console
from edgekit.data.examples import Examples, Source
from edgekit.data.sources import idx
from edgekit.errors import DataError, MissingExtra
from edgekit.extras import need
from edgekit.files import data_home

LABELS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
HUB = "zalando-datasets/fashion_mnist"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
INSTALL = 'apt-get install dataset-fashion-mnist (Debian, Ubuntu), or pip install "edgekit-onnx[hf]"'


def read(folders: Sequence[Path] | None = None) -> Source:
    """Read it from the first of `folders` that has it (else $EDGEKIT_DATA's, then Debian's), or from the hub."""
    folders = [data_home() / "fashion-mnist", DEBIAN] if folders is None else folders
    for folder in folders:
        if any(idx.find(folder, name) for pair in idx.FILES for name in pair):
            console.say(f"fashion-mnist: the files in {folder}")
            return _from_files(folder)
    try:
        hub = need("datasets", "Fashion-MNIST from the hub")
    except MissingExtra:
        raise DataError(f"Fashion-MNIST is neither in {' nor in '.join(map(str, folders))}", INSTALL) from None
    return _from_hub(hub)


def _from_files(folder: Path) -> Source:
    source = idx.source(folder, LABELS, INSTALL)
    for part in (source.train, source.test):
        if part and part.inputs.shape[1:] != (28, 28):
            height, width = part.inputs.shape[1:]
            raise DataError(f'"{part.where}" labels images of {width}x{height}, and Fashion-MNIST has 28x28', INSTALL)
    return source


def _from_hub(hub: Any) -> Source:
    try:
        parts = hub.load_dataset(HUB)
    except (OSError, ValueError) as error:  # the hub's own errors derive from these
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f'"{HUB}" cannot be had from the hub: {reason}',
            "try again with a network, or apt-get install dataset-fashion-mnist (Debian, Ubuntu)",
        ) from error
    train, test = (_from_rows(parts[part]) for part in ("train", "test"))
    return Source(train, test, LABELS)


def _from_rows(rows: Any) -> Examples:
    images, labels = [], []
    for row in rows:
        images.append(np.asarray(row["image"], dtype=np.uint8))
        labels.append(row["label"])
    return Examples(np.stack(images), np.array(labels), HUB)
