"""Augmented views of a set of images: numbered, and the same for ever. Imports numpy and the random words.

All choices of view v (who is flipped, moved by how much, erased where) are drawn at once for all n examples from
(seed, v). So view v of example i does not depend on the batch it comes in, the order, or the process, and a teacher's
answers to it can be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.randomness import words, words_at

if TYPE_CHECKING:
    from edgekit.recipe.data import Augment

CHOICES = np.dtype([("flip", "?")] + [(name, "i4") for name in ("dy", "dx", "top", "left", "height", "width", "noise")])
_ONE = 1 << 16
NOISE = 1 << 12  # how many places there are in the noise from which an erased rectangle is filled


def changes(augment: Augment | None) -> bool:
    """Tell whether `augment` asks for anything at all."""
    return augment is not None and (
        augment.flip or augment.shift > 0 or turns(augment) or augment.erase > 0 or mixes(augment)
    )


def turns(augment: Augment) -> bool:
    """Tell whether `augment` asks for images to be turned, or made larger or smaller."""
    return augment.rotate > 0 or augment.zoom > 0


def mixes(augment: Augment) -> bool:
    """Tell whether `augment` asks for images to be mixed with each other."""
    return augment.mixup > 0 or augment.cutmix > 0


class View:
    """One augmented view of n images [H,W,C]: `choices`, a row per example, and `noise`, bytes to fill rectangles with.

    Flip: left and right, half of the examples. Shift: up to `shift` pixels each way; what comes in is 0 (background).
    Rotate and zoom: about the middle, all angles and sizes as likely; pixels between four are their weighted mean.
    Erase: so many of the examples lose a rectangle, 1/8 to 1/2 of each side, to noise (Zhong et al. 2017).
    `computed`: choices are worked out when they are asked for, and not kept for all examples; they are others then.
    """

    def __init__(
        self, augment: Augment, shape: tuple[int, ...], examples: int, seed: int, number: int, computed: bool = False
    ) -> None:
        self.augment, self.shift, self._shape, self._stream = augment, augment.shift, shape, (seed, number)
        size = NOISE + int(np.prod(shape))
        self.noise = words(-(-size // 8), seed, "noise", number).astype("<u8", copy=False).view(np.uint8)
        self._computed = computed
        if not computed:
            self.choices = self._choose(words(examples * 9, seed, "view", number).reshape(-1, 9))
            three = words(3 * examples, seed, "turn", number).reshape(3, -1) if turns(augment) else None
            self._turned = None if three is None else _matrices(augment, three)

    def _choose(self, drawn: NDArray[np.uint64]) -> NDArray[Any]:
        augment, (height, width, _) = self.augment, self._shape
        flip, dy, dx, erase, tall, wide, top, left, noise = drawn.T
        choices = np.zeros(len(drawn), dtype=CHOICES)
        choices["flip"] = augment.flip & (flip >> 63).astype(bool)
        choices["dy"] = _upto(dy, 2 * self.shift + 1) - self.shift
        choices["dx"] = _upto(dx, 2 * self.shift + 1) - self.shift
        erased = erase >> 11 < np.uint64(round(augment.erase * (1 << 53)))
        choices["height"] = np.where(erased, _side(tall, height), 0)
        choices["width"] = np.where(erased, _side(wide, width), 0)
        choices["top"] = _upto(top, height - choices["height"] + 1)
        choices["left"] = _upto(left, width - choices["width"] + 1)
        choices["noise"] = _upto(noise, NOISE)
        return choices

    def _of(self, index: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
        """Return what is done to the examples `index`, and where their pixels come from if they are turned."""
        seed, number = self._stream
        if not self._computed:
            return self.choices[index], None if self._turned is None else self._turned[index]
        choices = self._choose(words_at(index, 9, seed, "view", number))
        if not turns(self.augment):
            return choices, None
        return choices, _matrices(self.augment, words_at(index, 3, seed, "turn", number).T)

    def apply(self, images: NDArray[np.uint8], index: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return this view of `images` uint8 [b,H,W,C], which are the examples `index` int64 [b]. New memory."""
        rows, turned = self._of(index)
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
        if turned is not None:
            moved = _turn(moved, turned)
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


def _matrices(augment: Augment, drawn: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Make of words [3,n] where a pixel comes from, [n,2,2] in 65536ths: integers are the same on every machine."""
    even = (drawn >> np.uint64(11)) / float(1 << 52) - 1  # in -1..1
    angle, tall, wide = even * [[np.radians(augment.rotate)], [augment.zoom], [augment.zoom]]
    cos, sin, tall, wide = np.cos(angle), np.sin(angle), 1 / (1 + tall), 1 / (1 + wide)
    rows = np.stack([np.stack([cos * tall, -sin * tall], 1), np.stack([sin * wide, cos * wide], 1)], 1)
    matrices: NDArray[np.int64] = np.rint(rows * _ONE).astype(np.int64)
    return matrices


def _turn(images: NDArray[np.uint8], matrices: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Read each of `images` [b,H,W,C] at the places its matrix says, 0 beyond its edges. New memory."""
    batch, height, width, channels = images.shape
    y, x = (2 * np.arange(side) - (side - 1) for side in (height, width))  # from the middle, in halves of a pixel
    places = []
    for row, side in ((matrices[:, 0], height), (matrices[:, 1], width)):
        from_middle = row[:, :1, None] * y[None, :, None] + row[:, 1:, None] * x[None, None, :]
        places.append((from_middle + (side - 1) * _ONE) // 2)
    top, left = (place >> 16 for place in places)
    low, right = ((place >> 8 & 255).astype(np.uint32) for place in places)
    padded = np.zeros((batch, height + 2, width + 2, channels), dtype=np.uint8)
    padded[:, 1:-1, 1:-1] = images
    flat = padded.reshape(batch * (height + 2) * (width + 2), channels)
    start = np.arange(batch)[:, None, None] * ((height + 2) * (width + 2))
    total = np.full((batch, height, width, channels), 1 << 15, dtype=np.uint32)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        rows, columns = (
            np.clip(first + step + 1, 0, side + 1) for first, step, side in ((top, dy, height), (left, dx, width))
        )
        weight = (low if dy else 256 - low) * (right if dx else 256 - right)
        total += flat[start + rows * (width + 2) + columns] * weight[..., None]
    return (total >> 16).astype(np.uint8)


def _upto(random: NDArray[np.uint64], limit: int | NDArray[Any]) -> NDArray[np.int64]:
    """Map random words to 0..limit-1 (`limit` is tiny beside 2**64, so all are as likely)."""
    return (random % np.asarray(limit, dtype=np.uint64)).astype(np.int64)


def _side(random: NDArray[np.uint64], side: int) -> NDArray[np.int64]:
    smallest, largest = max(side // 8, 1), max(side // 2, 1)
    return smallest + _upto(random, largest - smallest + 1)
