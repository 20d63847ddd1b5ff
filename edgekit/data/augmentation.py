"""Augmented views of a set of images: numbered, and the same for ever. Imports numpy and the random words.

All choices of view v (who is flipped, moved by how much, erased where) are drawn at once for all n examples from
(seed, v). So view v of example i does not depend on the batch it comes in, the order, or the process, and a teacher's
answers to it can be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.randomness import words

if TYPE_CHECKING:
    from edgekit.recipe.data import Augment

CHOICES = np.dtype([("flip", "?")] + [(name, "i4") for name in ("dy", "dx", "top", "left", "height", "width", "noise")])
NOISE = 1 << 12  # how many places there are in the noise from which an erased rectangle is filled


def changes(augment: Augment | None) -> bool:
    """Tell whether `augment` asks for anything at all."""
    return augment is not None and (augment.flip or augment.shift > 0 or augment.erase > 0 or mixes(augment))


def mixes(augment: Augment) -> bool:
    """Tell whether `augment` asks for images to be mixed with each other."""
    return augment.mixup > 0 or augment.cutmix > 0


class View:
    """One augmented view of n images [H,W,C]: `choices`, a row per example, and `noise`, bytes to fill rectangles with.

    Flip: left and right, half of the examples. Shift: up to `shift` pixels each way; what comes in is 0 (background).
    Erase: so many of the examples lose a rectangle, 1/8 to 1/2 of each side, to noise (Zhong et al. 2017).
    """

    def __init__(self, augment: Augment, shape: tuple[int, ...], examples: int, seed: int, number: int) -> None:
        height, width, _ = shape
        flip, dy, dx, erase, tall, wide, top, left, noise = words(examples * 9, seed, "view", number).reshape(-1, 9).T
        self.shift = augment.shift
        self.choices = choices = np.zeros(examples, dtype=CHOICES)
        choices["flip"] = augment.flip & (flip >> 63).astype(bool)
        choices["dy"] = _upto(dy, 2 * self.shift + 1) - self.shift
        choices["dx"] = _upto(dx, 2 * self.shift + 1) - self.shift
        erased = erase >> 11 < np.uint64(round(augment.erase * (1 << 53)))
        choices["height"] = np.where(erased, _side(tall, height), 0)
        choices["width"] = np.where(erased, _side(wide, width), 0)
        choices["top"] = _upto(top, height - choices["height"] + 1)
        choices["left"] = _upto(left, width - choices["width"] + 1)
        choices["noise"] = _upto(noise, NOISE)
        size = NOISE + int(np.prod(shape))
        self.noise = words(-(-size // 8), seed, "noise", number).astype("<u8", copy=False).view(np.uint8)

    def apply(self, images: NDArray[np.uint8], index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return this view of `images` uint8 [b,H,W,C], which are the examples `index` int64 [b]. New memory."""
        rows = self.choices[index]
        batch, height, width, _ = shape = images.shape
        flip, shift = np.flatnonzero(rows["flip"]), self.shift
        padded = np.zeros((batch, height + 2 * shift, width + 2 * shift, shape[3]), dtype=np.uint8)
        inner = padded[:, shift : shift + height, shift : shift + width]
        inner[:] = images
        inner[flip] = images[flip, :, ::-1]
        moved: NDArray[np.uint8] = padded
        if shift:
            windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
            moved = windows.transpose(0, 1, 2, 4, 5, 3)[np.arange(batch), shift - rows["dy"], shift - rows["dx"]]
        erased = np.flatnonzero(rows["height"])
        if len(erased):
            moved[erased] = self._erase(moved[erased], rows[erased])
        return moved

    def _erase(self, images: NDArray[np.uint8], rows: NDArray[Any]) -> NDArray[np.uint8]:
        _, height, width, channels = images.shape
        y = np.arange(height) - rows["top"][:, None]
        x = np.arange(width) - rows["left"][:, None]
        inside = ((y >= 0) & (y < rows["height"][:, None]))[:, :, None] & ((x >= 0) & (x < rows["width"][:, None]))[
            :, None
        ]
        noise = np.lib.stride_tricks.sliding_window_view(self.noise, height * width * channels)[rows["noise"]]
        np.copyto(images, noise.reshape(images.shape), where=inside[..., None])
        return images


def _upto(random: NDArray[np.uint64], limit: int | NDArray[Any]) -> NDArray[np.int64]:
    """Map random words to 0..limit-1 (`limit` is tiny beside 2**64, so all are as likely)."""
    return (random % np.asarray(limit, dtype=np.uint64)).astype(np.int64)


def _side(random: NDArray[np.uint64], side: int) -> NDArray[np.int64]:
    smallest, largest = max(side // 8, 1), max(side // 2, 1)
    return smallest + _upto(random, largest - smallest + 1)
