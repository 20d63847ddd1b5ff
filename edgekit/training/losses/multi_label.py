"""The losses of labels that are true or not, each for itself."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from edgekit.training.batches import TorchBatch
from edgekit.training.losses.task import TaskLosses


def binary(outputs: torch.Tensor, batch: TorchBatch, smoothing: float = 0.0) -> torch.Tensor:
    """Mean binary cross-entropy of logits (b, K) with targets (b, K) of 0 and 1; a scalar.

    With `smoothing` s a target t is (1 - s) t + s / 2. Of mixed inputs it is share * own + (1 - share) * partner's.
    A row of -1 says that the example has no labels.
    """
    wanted = batch.targets
    known = (wanted >= 0).to(outputs.dtype)
    if batch.partners is not None and batch.share is not None:
        share = batch.share[:, None]
        known = known * (batch.partners >= 0)
        wanted = share * wanted + (1 - share) * batch.partners
    wanted = (1 - smoothing) * wanted + smoothing / 2
    losses = F.binary_cross_entropy_with_logits(outputs, wanted, reduction="none")
    return (losses * known).sum() / known.sum().clamp_min(1)


def taught(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T^2 KL(sigmoid(teacher / T) || sigmoid(student / T)) of logits (b, K); a scalar, the mean over all.

    Hinton's loss (arXiv 1503.02531, section 2) of K times two classes.
    """
    wanted = torch.sigmoid(teacher / temperature)
    own, least = (F.binary_cross_entropy_with_logits(each / temperature, wanted) for each in (student, teacher))
    return temperature**2 * (own - least)


LOSSES = TaskLosses(binary, taught)
