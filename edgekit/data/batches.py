"""Batches for training and for scoring: shuffled by (seed, epoch) or in order, augmented, normalised. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgekit.data.augmentation import View, changes, mixes
from edgekit.data.dataset import NO_PADDING, Split, cut, lengths
from edgekit.data.drawing import Order
from edgekit.data.mixing import Mixing
from edgekit.data.randomness import permutation
from edgekit.data.rows import chosen_alike, sharded
from edgekit.errors import DataError

if TYPE_CHECKING:
    from edgekit.recipe.data import Augment, Normalize

_POOL = 32  # batches whose examples are sorted by length together, or whose order is computed together
_FETCHED = 1 << 22  # bytes of shards that are read together
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
    batches of about the same length, each as long as its longest. Of shards the order of an epoch is as `drawing.Order`
    says. A thread that prepares two batches ahead was tried and left out: on two busy cores a training step of pictures
    or rows became 0.83 to 0.92 times as fast with it (medians of four networks; every range reached beyond 1).
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
        self._sharded = sharded(split.inputs)
        self._drawn: tuple[int, View | None, Mixing | None] | None = None
        self._check_augment()

    def epoch(self, epoch: int, rank: int = 0, size: int = 1) -> Iterator[Batch]:
        """Yield the batches of an epoch (from 0), shuffled by (seed, epoch); of each `rank`'s part among `size`."""
        count = self.steps * self.batch
        if self._sharded:
            inputs = self.split.inputs
            order: Any = Order(self.examples, inputs[:1].nbytes, self.seed, epoch)
            return self._fetched(order, min(count, self.examples), self._view(epoch), rank, size)
        order = permutation(self.examples, self.seed, "epoch", epoch)[:count]
        if self._lengths is not None:
            order = self._alike(order, self._lengths, epoch)
        return self._batches(order, self._view(epoch), rank, size)

    def in_order(self, view: int | None = None, rows: range | None = None) -> Iterator[Batch]:
        """Yield every example of `rows`, or of all, once and in order, as `view` shows it; None: not augmented."""
        asked = range(self.examples) if rows is None else rows
        number = UNCHANGED if view is None else view
        if self._sharded:
            return self._fetched(asked, len(asked), number)
        return self._batches(np.arange(asked.start, asked.stop), number)

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

    def _view(self, epoch: int) -> int:
        return epoch % self.views if self.views else epoch

    def _batches(self, order: NDArray[np.int64], view: int, rank: int = 0, size: int = 1) -> Iterator[Batch]:
        for start in range(0, len(order), self.batch):
            whole = order[start : start + self.batch]
            own, weight = part(len(whole), rank, size)
            yield self._make(whole[own], view)._replace(weight=weight)

    def _fetched(self, order: Order | range, count: int, view: int, rank: int = 0, size: int = 1) -> Iterator[Batch]:
        """Do the same for shards: what lies apart in many files is cheaper to find for many batches together."""
        width = self.batch * max(min(_POOL, _FETCHED // max(self.split.inputs[:1].nbytes * self.batch, 1)), 1)
        for at in range(0, count, width):
            asked = order[at : min(at + width, count)]
            places = np.arange(asked.start, asked.stop) if isinstance(asked, range) else asked
            wholes = [places[start : start + self.batch] for start in range(0, len(places), self.batch)]
            shares = [part(len(whole), rank, size) for whole in wholes]
            mine = [whole[own] for whole, (own, _) in zip(wholes, shares, strict=True)]
            arrays = chosen_alike((self.split.inputs, self.split.targets), np.concatenate(mine))
            inputs, targets = (np.asarray(array) for array in arrays)
            seen = 0
            for index, (_, weight) in zip(mine, shares, strict=True):
                near = Split(inputs[seen : seen + len(index)], targets[seen : seen + len(index)])
                seen += len(index)
                yield self._make(index, view, near)._replace(weight=weight)

    def _alike(self, order: NDArray[np.int64], long: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """Sort stretches of many batches by length, and shuffle the batches."""
        pool = self.batch * _POOL
        stretches = [order[at : at + pool] for at in range(0, len(order), pool)]
        ordered = np.concatenate([each[np.argsort(long[each], kind="stable")] for each in stretches])
        if len(ordered) % self.batch:
            return ordered
        batches = ordered.reshape(-1, self.batch)
        return batches[permutation(len(batches), self.seed, "batches", epoch)].reshape(-1)

    def _make(self, index: NDArray[np.int64], view: int, near: Split | None = None) -> Batch:
        """Make a batch of the examples `index`; `near` holds them where they were read already."""
        inputs = self.split.inputs[index] if near is None else near.inputs
        targets = self.split.targets[index] if near is None else near.targets
        partners, share = None, None
        if self._ids:
            return Batch(np.ascontiguousarray(cut(inputs, self._pad)), targets, index, view)
        if self.augment and view != UNCHANGED:
            augmented, mixing = self._draw(view, index)
            if augmented:
                inputs = augmented.apply(inputs, index)
            if mixing:
                at = np.arange(len(index)) if self._sharded else index
                which = mixing.mixed(at)
                others = mixing.partner[at[which]]
                mixed_in = self.split.inputs[others]
                if augmented:
                    mixed_in = augmented.apply(mixed_in, others)
                inputs = inputs if augmented or near is None else inputs.copy()
                inputs[which] = mixing.apply(inputs[which], mixed_in, at[which])
                partners, share = self.split.targets[mixing.partner[at]], mixing.share[at]
        if self._images:
            inputs = inputs.transpose(0, 3, 1, 2)
        floats = np.multiply(inputs, self._scale, dtype=np.float32, order="C")
        floats += self._offset
        return Batch(floats, targets, index, view, partners, share)

    def _draw(self, number: int, index: NDArray[np.int64]) -> tuple[View | None, Mixing | None]:
        assert self.augment
        mixed, drawn = mixes(self.augment), (self.augment, self.split.inputs.shape[1:], self.examples, self.view_seed)
        if self._drawn is None or self._drawn[0] != number:
            view = View(*drawn, number, computed=self._sharded) if self._images else None
            self._drawn = number, view, Mixing(*drawn, number) if mixed and not self._sharded else None
        if mixed and self._sharded:
            return self._drawn[1], Mixing(*drawn, number, of=index)
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
