"""Image files in a folder per class, or in train/ and test/ with a folder per class in each. Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.examples import Examples, Source
from edgekit.errors import DataError, nearest
from edgekit.extras import need

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
GREY = ("1", "L", "LA")
COLOUR = ("P", "RGB", "RGBA", "CMYK", "YCbCr")
LAYOUT = "make a folder per class, or train/ and test/ with a folder per class in each"


def read(folder: Path, labels: list[str] | None = None) -> Source:
    """Read every image, uint8 [n,H,W,1 or 3]; classes are numbered as in `labels`, or as the folders' names sort."""
    parts = _entries(folder)
    split = sorted(part.name for part in parts) == ["test", "train"]
    train = folder / "train" if split else folder
    labels = labels or [entry.name for entry in _entries(train) if entry.is_dir()]
    if not labels:
        raise DataError(f'"{train}" holds no folder', LAYOUT)
    return Source(_examples(train, labels), _examples(folder / "test", labels) if split else None, labels)


def _entries(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _examples(folder: Path, labels: list[str]) -> Examples:
    images: list[NDArray[Any]] = []
    targets: list[int] = []
    first: Path | None = None
    for entry in _entries(folder):
        if not entry.is_dir():
            raise DataError(f'"{entry}" lies where a class\'s folder was expected', LAYOUT)
        if entry.name not in labels:
            near = nearest(entry.name, labels)
            raise DataError(
                f'"{entry}" is the folder of no known class', f'did you mean "{near}"?' if near else ", ".join(labels)
            )
        for file in _entries(entry):
            image = _image(file)
            first = first or file
            if images and image.shape != images[0].shape:
                raise DataError(
                    f'"{file}" is {_size(image)}, and "{first}" is {_size(images[0])}',
                    "bring all images to one size, and to grey or colour",
                )
            images.append(image)
            targets.append(labels.index(entry.name))
    if not images:
        raise DataError(f'"{folder}" holds no images', LAYOUT)
    return Examples(np.stack(images), np.array(targets), str(folder))


def _size(image: NDArray[Any]) -> str:
    return f"{image.shape[1]}x{image.shape[0]} {'grey' if image.shape[2] == 1 else 'colour'}"


def _image(file: Path) -> NDArray[Any]:
    pillow = need("PIL.Image", "a folder of images")
    if file.is_dir() or file.suffix.lower() not in SUFFIXES:
        raise DataError(f'"{file}" is no image', f"{LAYOUT}; images end in {' '.join(SUFFIXES)}")
    try:
        with pillow.open(file) as image:
            if image.mode not in GREY + COLOUR:
                raise DataError(f'"{file}" has pixels of mode "{image.mode}"', "save it with 8 bits per channel")
            pixels = np.asarray(image.convert("L" if image.mode in GREY else "RGB"))
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:  # each from some broken file
        raise DataError(f'"{file}" cannot be read as an image: {error}', "repair or remove it") from error
    return pixels.reshape(*pixels.shape[:2], -1)
