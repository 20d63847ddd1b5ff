"""What a training eats: batches of tensors from edgekit's own data, or from a user's loader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from edgekit.data.batches import Batch, Batches, part
from edgekit.errors import DataError
from edgekit.training import together


class TorchBatch(NamedTuple):
    """Inputs (b, ...) as the model takes them, targets (b, ...); `index` and `view` name each example where known.

    Where inputs are mixed with others, `partners` (b,) are the others' targets and `share` (b,) what stays own.
    `weight`: what the loss counts for, where this is a part of a batch; the mean over the processes is the batch's.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    index: np.ndarray | None  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    view: int
    partners: torch.Tensor | None = None
    share: torch.Tensor | None = None
    weight: float = 1.0

    def pieces(self, count: int) -> Iterator[TorchBatch]:
        """Yield it in `count` pieces, or one for each example, whose weights add up to its own."""
        size = len(self.targets)
        for rank in range(min(count, size)):
            rows, weight = part(size, rank, min(count, size))
            yield self.rows(rows)._replace(weight=self.weight * weight / min(count, size))

    def rows(self, rows: slice) -> TorchBatch:
        """Return these examples of it."""
        examples = (self.inputs, self.targets, self.index, self.partners, self.share)
        inputs, targets, index, partners, share = (each if each is None else each[rows] for each in examples)
        return TorchBatch(inputs, targets, index, self.view, partners, share, self.weight)  # type: ignore[arg-type]


class Source(Protocol):
    """Anything that yields the batches of an epoch, the same ones whenever the same epoch is asked for.

    Of several processes each is given its part of every batch.
    """

    steps: int

    def epoch(self, number: int) -> Iterator[TorchBatch]:
        """Yield the batches of epoch `number`, counted from 0."""


def tensors(batch: Batch) -> TorchBatch:
    """Give a batch of arrays as tensors that share their memory."""
    inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
    if batch.partners is None or batch.share is None:
        return TorchBatch(inputs, targets, batch.index, batch.view, weight=batch.weight)
    partners, share = torch.from_numpy(batch.partners), torch.from_numpy(batch.share)
    return TorchBatch(inputs, targets, batch.index, batch.view, partners, share, batch.weight)


class ArraySource:
    """edgekit's own batches, as tensors."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.steps = batches.steps

    def epoch(self, number: int) -> Iterator[TorchBatch]:
        """Yield the batches of epoch `number`, counted from 0."""
        process = together.here()
        return map(tensors, self.batches.epoch(number, process.rank, process.size))


class LoaderSource:
    """A user's loader of (inputs, targets).

    Its order, and all else that is random in it, must come from the generators of torch, numpy and random, or from a
    torch.Generator it was given: these are seeded anew for every epoch. Several processes all ask it for whole batches.
    """

    def __init__(self, loader: Iterable[Any]) -> None:
        self.loader = loader
        try:
            self.steps = len(loader)  # type: ignore[arg-type]
        except TypeError:
            raise DataError("the loader has no length", "give a torch DataLoader or a list of batches") from None

    def epoch(self, number: int) -> Iterator[TorchBatch]:
        """Yield the batches of epoch `number`; only the loader's own shuffling differs between epochs."""
        for generator in self._generators():
            generator.manual_seed(torch.initial_seed())
        for step, pair in enumerate(self.loader):
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise DataError(f"batch {step} of the loader is not a pair of inputs and targets")
            inputs, targets = (torch.as_tensor(each) for each in pair)
            batch = TorchBatch(inputs, targets, None, number)
            process = together.here()
            if process.size > 1:
                rows, weight = part(len(batch.targets), process.rank, process.size)
                batch = batch.rows(rows)._replace(weight=weight)
            yield batch

    def _generators(self) -> Iterator[torch.Generator]:
        """Find the generators that are the loader's own, which would otherwise go on from where they are."""
        batches = getattr(self.loader, "batch_sampler", None)
        for each in (self.loader, getattr(self.loader, "sampler", None), batches, getattr(batches, "sampler", None)):
            generator = getattr(each, "generator", None)
            if isinstance(generator, torch.Generator):
                yield generator
