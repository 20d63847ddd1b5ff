"""The losses of a number, or of several."""

from __future__ import annotations

import torch

from edgekit.training.batches import TorchBatch
from edgekit.training.losses.task import TaskLosses


def squared(outputs: torch.Tensor, batch: TorchBatch, smoothing: float = 0.0) -> torch.Tensor:
    """Mean square of `outputs` (b,), (b, 1) or (b, K) minus the targets (b,) or (b, K); a scalar.

    Of mixed inputs the target is share * own + (1 - share) * partner's. A target that is NaN says there is none.
    """
    wanted = batch.targets.reshape(len(batch.targets), -1)
    if batch.partners is not None and batch.share is not None:
        share = batch.share[:, None]
        wanted = share * wanted + (1 - share) * batch.partners.reshape(wanted.shape)
    known = ~wanted.isnan()
    errors = (outputs.reshape(wanted.shape) - wanted.nan_to_num()).square() * known
    return errors.sum() / known.sum().clamp_min(1)


def taught(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean square of `student` minus `teacher`, of one shape; a scalar. Numbers know no temperature."""
    return (student - teacher).square().mean()


LOSSES = TaskLosses(squared, taught)
