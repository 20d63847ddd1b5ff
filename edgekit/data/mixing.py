"""Examples mixed with others of their set: which, how and how much is drawn once for each numbered view.

As in augmentation, a view's choices are a function of (seed, view) alone, the partner of each example among them, so a
teacher's answers to what is mixed can be kept as well. Imports numpy and the random words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.drawing import shuffled
from edgekit.data.randomness import key_of, permutation, words, words_at

if TYPE_CHECKING:
    from edgekit.recipe.data import Augment

WHOLE = 256  # shares are counted in 256ths, so that pixels are mixed in integers


class Mixing:
    """How the n examples of one view are mixed: with which `partner` int64 [n], and what `share` float32 [n] stays own.

    mixup: it is a weighted mean of both, the weight even in 0..1 (Zhang et al. 2018, arXiv 1710.09412, alpha 1).
    cutmix, of images [H,W,C]: a rectangle is the partner's, its area even in 0..1 of the image before what lies outside
    is cut off (Yun et al. 2019, arXiv 1905.04899, alpha 1). So many of the examples get the one, so many the other.
    With `of` int64 [b] only these of them are drawn, from computed words; index i then stands for the example of[i].
    """

    def __init__(
        self,
        augment: Augment,
        shape: tuple[int, ...],
        examples: int,
        seed: int,
        number: int,
        of: NDArray[np.int64] | None = None,
    ) -> None:
        height, width = shape[:2] if augment.cutmix else (1, 1)
        which, much, middle, centre = _four(examples, seed, number, of).T
        chance = (which >> np.uint64(11)) / float(1 << 53)
        self._blended = chance < augment.mixup
        self._cut = (chance >= augment.mixup) & (chance < augment.mixup + augment.cutmix)
        self.partner = (
            permutation(examples, seed, "partner", number)
            if of is None
            else shuffled(of, examples, key_of(seed, "partner", number))
        )
        self._own = (much % np.uint64(WHOLE + 1)).astype(np.uint16)  # 255 * 256 fits
        side = np.sqrt(1 - self._own / WHOLE)
        self._top, self._bottom = _span(middle, side, height)
        self._left, self._right = _span(centre, side, width)
        area = (self._bottom - self._top) * (self._right - self._left)
        self.share = np.ones(len(chance), dtype=np.float32)
        self.share[self._blended] = self._own[self._blended] / WHOLE
        self.share[self._cut] = 1 - area[self._cut] / (height * width)

    def mixed(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which rows of a batch of the examples `index` are mixed at all."""
        return np.flatnonzero(self._blended[index] | self._cut[index])

    def apply(self, own: NDArray[Any], other: NDArray[Any], index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the examples `index`, `own` uint8 [b,H,W,C] or float32 [b,...], mixed with `other`. New memory."""
        mixed = own.copy()
        rows = np.flatnonzero(self._blended[index])
        share = self._own[index[rows]].reshape(-1, *(1 for _ in own.shape[1:]))
        mixed[rows] = (_blended if own.dtype == np.uint8 else _mean)(own[rows], other[rows], share)
        rows = np.flatnonzero(self._cut[index])
        if len(rows):
            mixed[rows] = np.where(self._inside(index[rows], own.shape), other[rows], own[rows])
        return mixed

    def _inside(self, index: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
        y, x = np.arange(shape[1]), np.arange(shape[2])
        rows = (y >= self._top[index, None]) & (y < self._bottom[index, None])
        columns = (x >= self._left[index, None]) & (x < self._right[index, None])
        inside: NDArray[np.bool_] = (rows[:, :, None] & columns[:, None, :])[..., None]
        return inside


def _four(examples: int, seed: int, number: int, of: NDArray[np.int64] | None) -> NDArray[np.uint64]:
    drawn = words(examples * 4, seed, "mix", number) if of is None else words_at(of, 4, seed, "mix", number)
    return drawn.reshape(-1, 4)


def _blended(own: NDArray[np.uint8], other: NDArray[np.uint8], share: NDArray[np.uint16]) -> NDArray[np.uint16]:
    sums = own * share
    sums += other * (WHOLE - share)
    sums += WHOLE // 2
    sums >>= 8
    return sums


def _mean(own: NDArray[Any], other: NDArray[Any], share: NDArray[np.uint16]) -> NDArray[Any]:
    return np.asarray(other + (own - other) * (share / np.float32(WHOLE)))


def _span(
    random: NDArray[np.uint64], part: NDArray[np.float64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the middle of a stretch of `part` of 0..size, and return where it begins and ends within."""
    length = np.rint(part * size).astype(np.int64)
    begin = (random % np.uint64(size)).astype(np.int64) - length // 2
    return np.clip(begin, 0, size), np.clip(begin + length, 0, size)
