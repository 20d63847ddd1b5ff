"""The images of a run's page, with what spoke for each answer laid over them, as data that an <img> takes.

numpy and matplotlib's PNG writer; no torch. A map keeps its few cells: the browser smooths it over the image.
"""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.image

from edgekit.reporting.differences import Pictures

if TYPE_CHECKING:
    import numpy as np

_HEAT = (255, 106, 0)
_THICKEST = 0.8  # opacity of a map where it is greatest


class Picture(NamedTuple):
    """An image and the maps of teacher and model as data URIs; "" where there is no map."""

    image: str
    teacher: str
    model: str


def read(folder: Path, pictures: Pictures) -> list[Picture]:
    """Read the pictures of a run, one for each that is to be shown; none where their file is gone or damaged."""
    import numpy as np

    try:
        with (folder / pictures.file).open("rb") as stream, np.load(stream) as saved:
            arrays = dict(saved)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return []
    count = len(pictures.shown)
    if any(len(values) != count or values.dtype != np.uint8 for values in arrays.values()) or "images" not in arrays:
        return []
    return [
        Picture(
            _image(arrays["images"][at]),
            *(_heat(arrays[who][at]) if who in arrays else "" for who in ("teacher", "model")),
        )
        for at in range(count)
    ]


def _image(pixels: np.ndarray) -> str:
    """Write an image uint8 (h, w, 1 or 3)."""
    return _data(pixels.repeat(3, axis=2) if pixels.shape[2] == 1 else pixels)


def _heat(values: np.ndarray) -> str:
    """Write a map uint8 (h, w) as one colour, the more opaque the greater it is."""
    import numpy as np

    layer = np.empty((*values.shape, 4), np.uint8)
    layer[..., :3] = _HEAT
    layer[..., 3] = np.round(_THICKEST * values)
    return _data(layer)


def _data(pixels: np.ndarray) -> str:
    stream = io.BytesIO()
    matplotlib.image.imsave(stream, pixels, format="png", metadata={"Software": ""})
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
