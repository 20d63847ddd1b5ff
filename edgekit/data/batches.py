"""Batches for training and for scoring: shuffled by (seed, epoch) or in order, augmented, normalised. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgekit.data.augmentation import View, changes, mixes
from edgekit.data.dataset import NO_PADDING, Split, cut, lengths
from edgekit.data.mixing import Mixing
from edgekit.data.randomness import permutation
from edgekit.errors import DataError

if TYPE_CHECKING:
    from edgekit.recipe.data import Augment, Normalize

_POOL = 32  # batches whose examples are sorted by length together
UNCHANGED = -1  # Batch.view of examples that were not augmented


class Batch(NamedTuple):
    """What a network is given at a time, in contiguous arrays.

    inputs: float32 [b,C,H,W], [b,F] or [b,T,C], normalised, or token ids int64 [b,t], t the longest one's length;
    targets: [b,...] as the split's; index: int64 [b], the examples' positions in the split; view: the number of the
    augmented view, or -1. Where examples are mixed, partners: [b,...], the targets of those mixed in, and share:
    float32 [b], how much of each is its own, 1 where it is not mixed. Where several processes share a batch, `weight`
    is what the mean over this part counts for, so that the mean over the processes is the mean over the batch.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    index: NDArray[np.int64]  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    view: int
    partners: NDArray[Any] | None = None
    share: NDArray[np.float32] | None = None
    weight: float = 1.0


def part(count: int, rank: int, size: int) -> tuple[slice, float]:
    """Return which of `count` examples of a batch are for `rank` among `size`, and what their mean counts for.

    Where there is none left for it, it works on the first, which then counts for nothing.
    """
    first, last = (count * at // size for at in (rank, rank + 1))
    return (slice(first, last), (last - first) * size / count) if last > first else (slice(0, 1), 0.0)


class Batches:
    """Yields a split in batches, epoch after epoch. `steps` is the batches of an epoch, `examples` the split's size.

    `views`: how many augmented views there are; epoch e sees view e % views. 0: every epoch has a view of its own.
    `seed` decides the order, `view_seed` the augmented views, so that trainings of other seeds may share views.
    Where `augment` asks for nothing there is one view, whatever `views` says. Token ids filled up with `pad` come in
    batches of about the same length, each as long as its longest.
    """

    def __init__(
        self,
        split: Split,
        *,
        batch: int,
        seed: int,
        view_seed: int = 0,
        normalize: Normalize | None,
        augment: Augment | None,
        views: int = 0,
        pad: int = NO_PADDING,
    ) -> None:
        self.split, self.batch, self.seed, self.view_seed = split, batch, seed, view_seed
        self.normalize, self.augment = normalize, augment if changes(augment) else None
        self.views = views if self.augment else 1
        self.examples = len(split)
        # An incomplete last batch is left out of an epoch: batch statistics of one or two examples do harm.
        self.steps = max(self.examples // batch, 1)
        self._images = split.inputs.dtype == np.uint8
        self._ids, self._pad = split.inputs.dtype == np.int64, pad
        self._lengths = lengths(split.inputs, pad) if self._ids and pad != NO_PADDING else None
        self._scale, self._offset = self._affine()
        self._drawn: tuple[int, View | None, Mixing | None] | None = None
        self._check_augment()

    def epoch(self, epoch: int, rank: int = 0, size: int = 1) -> Iterator[Batch]:
        """Yield the batches of an epoch (from 0), shuffled by (seed, epoch); of each `rank`'s part among `size`."""
        order = permutation(self.examples, self.seed, "epoch", epoch)[: self.steps * self.batch]
        if self._lengths is not None:
            order = self._alike(order, self._lengths, epoch)
        return self._batches(order, epoch % self.views if self.views else epoch, rank, size)

    def in_order(self, view: int | None = None, rows: range | None = None) -> Iterator[Batch]:
        """Yield every example of `rows`, or of all, once and in order, as `view` shows it; None: not augmented."""
        asked = range(self.examples) if rows is None else rows
        return self._batches(np.arange(asked.start, asked.stop), UNCHANGED if view is None else view)

    def describe(self) -> dict[str, Any]:
        """Say in JSON what decides the batches: equal descriptions yield equal batches."""
        return {
            "data": self.split.fingerprint,
            "normalize": self.normalize.model_dump() if self.normalize else None,
            "augment": self.augment.model_dump() if self.augment else None,
            "views": self.views,
            "batch": self.batch,
            "seed": self.seed,
            "view_seed": self.view_seed,
        }

    def _batches(self, order: NDArray[np.int64], view: int, rank: int = 0, size: int = 1) -> Iterator[Batch]:
        for start in range(0, len(order), self.batch):
            whole = order[start : start + self.batch]
            rows, weight = part(len(whole), rank, size)
            yield self._make(whole[rows], view)._replace(weight=weight)

    def _alike(self, order: NDArray[np.int64], long: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """Sort stretches of many batches by length, and shuffle the batches."""
        pool = self.batch * _POOL
        stretches = [order[at : at + pool] for at in range(0, len(order), pool)]
        ordered = np.concatenate([each[np.argsort(long[each], kind="stable")] for each in stretches])
        if len(ordered) % self.batch:
            return ordered
        batches = ordered.reshape(-1, self.batch)
        return batches[permutation(len(batches), self.seed, "batches", epoch)].reshape(-1)

    def _make(self, index: NDArray[np.int64], view: int) -> Batch:
        inputs, partners, share = self.split.inputs[index], None, None
        if self._ids:
            return Batch(np.ascontiguousarray(cut(inputs, self._pad)), self.split.targets[index], index, view)
        if self.augment and view != UNCHANGED:
            augmented, mixing = self._draw(view)
            if augmented:
                inputs = augmented.apply(inputs, index)
            if mixing:
                rows = mixing.mixed(index)
                others = mixing.partner[index[rows]]
                mixed_in = self.split.inputs[others]
                if augmented:
                    mixed_in = augmented.apply(mixed_in, others)
                inputs[rows] = mixing.apply(inputs[rows], mixed_in, index[rows])
                partners, share = self.split.targets[mixing.partner[index]], mixing.share[index]
        if self._images:
            inputs = inputs.transpose(0, 3, 1, 2)
        floats = np.multiply(inputs, self._scale, dtype=np.float32, order="C")
        floats += self._offset
        return Batch(floats, self.split.targets[index], index, view, partners, share)

    def _draw(self, number: int) -> tuple[View | None, Mixing | None]:
        if self._drawn is None or self._drawn[0] != number:
            assert self.augment
            drawn = self.augment, self.split.inputs.shape[1:], self.examples, self.view_seed, number
            view = View(*drawn) if self._images else None
            self._drawn = number, view, Mixing(*drawn) if mixes(self.augment) else None
        return self._drawn[1:]

    def _affine(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Turn (pixel/255 - mean)/std into one factor and one offset per channel."""
        if self._ids and self.normalize:
            raise DataError("data.normalize is for numbers and pixels, and the examples are token ids", "leave it out")
        channels = self.split.inputs.shape[-1]
        mean = (self.normalize and self.normalize.mean) or [0.0]
        std = (self.normalize and self.normalize.std) or [1.0]
        for name, values in (("mean", mean), ("std", std)):
            if len(values) not in (1, channels):
                raise DataError(
                    f"data.normalize.{name} has {len(values)} values, and the data {channels} channels",
                    f"give 1 value, or {channels}",
                )
        form = (-1, 1, 1) if self._images else (-1,)
        scale = 1 / np.array(std).reshape(form)
        offset = -np.array(mean).reshape(form) * scale
        return (scale / (255 if self._images else 1)).astype(np.float32), offset.astype(np.float32)

    def _check_augment(self) -> None:
        if not self.augment:
            return
        if self._ids:
            raise DataError("data.augment is for images and numbers, and the examples are token ids", "leave it out")
        asked = [name for name, value in self.augment if value and name != "mixup"]
        if asked and not self._images:
            hint = f"leave data.augment.{asked[0]} out; numbers can be mixed, with mixup"
            raise DataError(f"data.augment.{asked[0]} changes images, and the examples are numbers", hint)
        if self._images and self.augment.shift >= min(self.split.inputs.shape[1:3]):
            height, width = self.split.inputs.shape[1:3]
            raise DataError(
                f"data.augment.shift is {self.augment.shift}, and the images are {width}x{height}",
                "a shift of a tenth of the image is usual",
            )
