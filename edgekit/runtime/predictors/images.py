"""Images for a model: files, PIL images and arrays. numpy; Pillow when something has to be decoded or fitted.

The graph itself normalises, so all that is done here is the size and the colours the model was made for. An image of
another size is stretched, not cropped; a graph that resizes or crops by itself is given the image as it is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import BundleError, DataError, InputError
from edgekit.extras import need
from edgekit.runtime.feeds import describe

if TYPE_CHECKING:
    from edgekit.runtime.model import Model

Array = np.ndarray[Any, Any]
_CHANNELS = {"L": 1, "RGB": 3}
_TAKES = "an image is a path, a PIL image, or a uint8 array (H,W), (H,W,C), or a batch of those"


def read(model: Model, x: Any) -> tuple[dict[str, Any], bool]:
    """Return the feeds of one image, or of a list of images or a batch (N,H,W) or (N,H,W,C), and whether it was many.

    An array of three axes is one image where the last is 1, 3 or 4 channels, unless its other two are the model's own
    height and width.
    """
    wanted = _Wanted(model)
    several = isinstance(x, (list, tuple)) or (isinstance(x, np.ndarray) and wanted.is_batch(x))
    images = [wanted.fit(image) for image in (x if several else [x])]
    if not images:
        return {}, several
    if len({image.shape for image in images}) > 1:
        raise InputError(
            "the images have different sizes, which this model takes one at a time", "ask of one image after the other"
        )
    return {model.inputs[0].name: np.stack(images)}, several


class _Wanted:
    """The image a model takes: `size` (height, width), None where any, and the colour mode of Pillow."""

    def __init__(self, model: Model) -> None:
        tensor = model.inputs[0] if len(model.inputs) == 1 else None
        preprocessing = model.manifest.preprocessing if model.manifest else {}
        if tensor is None or tensor.dtype != "uint8" or len(tensor.shape) != 4 or tensor.shape[3] not in (1, 3):
            raise BundleError(
                f'"{model.name}" takes {", ".join(map(str, model.inputs))}; '
                "images are predicted by models of one input uint8[N,H,W,1] or uint8[N,H,W,3]",
                "call the model with arrays",
            )
        self.channels = tensor.shape[3]
        self.color = preprocessing.get("color") or {1: "L", 3: "RGB"}[self.channels]
        if _CHANNELS.get(self.color) != self.channels:
            raise BundleError(f'"{model.name}" says colour mode "{self.color}" for {self.channels} channels')
        _, height, width, _ = tensor.shape
        self.size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        self.stretches = not {"resize", "crop"} & preprocessing.keys()

    def is_batch(self, x: Array) -> bool:
        if x.ndim == 3:
            return x.shape[1:] == self.size or x.shape[2] not in (1, 3, 4)
        return x.ndim == 4

    def fit(self, x: Any) -> Array:
        """Return one image as uint8 (H,W,C) of the size and colours wanted."""
        if isinstance(x, np.ndarray):
            pixels = x[..., None] if x.ndim == 2 else x
            if x.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not x.size:
                raise InputError(f"given {describe(x)} for an image", _TAKES)
            if pixels.shape[2] == self.channels and self.size in (None, pixels.shape[:2]):
                return pixels
            image = need("PIL.Image", "resizing images").fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        else:
            image = _decoded(x)
        if image.mode[0] in "IF":
            raise DataError(
                f'{_name(x)} has pixels of kind "{image.mode}"; 8 bits are read', "convert it to 8 bits a channel"
            )
        image = image.convert(self.color)
        if self.size and image.size != self.size[::-1]:
            if not self.stretches:
                height, width = self.size
                raise InputError(
                    f"{_name(x)} is {image.width} x {image.height} pixels; this model takes {width} x {height} alone",
                    "it resizes inside the graph: export it for H and W of any size",
                )
            image = image.resize(self.size[::-1], need("PIL.Image", "resizing images").Resampling.BILINEAR)
        return np.asarray(image).reshape(image.height, image.width, self.channels)


def _decoded(x: Any) -> Any:
    """Return a PIL image, upright, from a path or a PIL image."""
    is_path = isinstance(x, (str, os.PathLike))
    if not is_path and not hasattr(x, "convert"):  # no PIL image, as can be told without Pillow
        raise InputError(f"given {describe(x)} for an image", _TAKES)
    images = need("PIL.Image", "reading images")
    upright = need("PIL.ImageOps", "reading images").exif_transpose
    try:
        if isinstance(x, images.Image):
            x.load()
            return upright(x)
        if is_path:
            with images.open(x) as image:
                image.load()
                return upright(image)
    except FileNotFoundError:
        raise DataError(f"there is no file {_name(x)}") from None
    except images.UnidentifiedImageError:
        raise DataError(f"{_name(x)} is not an image that Pillow can read") from None
    except Exception as error:  # what Pillow's decoders raise is no closed set
        raise DataError(f"{_name(x)} cannot be read: {error}") from None
    raise InputError(f"given {describe(x)} for an image", _TAKES)


def _name(x: Any) -> str:
    return f'"{os.fspath(x)}"' if isinstance(x, (str, os.PathLike)) else "the image"
