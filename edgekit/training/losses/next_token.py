"""The losses of the token that follows, at every place of a window."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from edgekit.errors import DataError
from edgekit.training.batches import TorchBatch
from edgekit.training.losses.distillation import soft_target
from edgekit.training.losses.task import TaskLosses

NONE = -1  # in place of a target: nothing is asked there


def following(outputs: torch.Tensor, batch: TorchBatch, smoothing: float = 0.0) -> torch.Tensor:
    """Cross-entropy of logits (b, T, V) with targets (b, T) int64; a scalar in nats, the mean over the places asked."""
    logits, targets = outputs.flatten(0, 1), batch.targets.flatten()
    tokens = logits.shape[1]
    if int(targets.max()) >= tokens:
        raise DataError(
            f"a token is {int(targets.max())}, and the network answers {tokens}, numbered 0 to {tokens - 1}",
            "give the network as many outputs as there are tokens",
        )
    total = F.cross_entropy(logits, targets, label_smoothing=smoothing, ignore_index=NONE, reduction="sum")
    return total / (targets != NONE).sum().clamp_min(1)


def taught(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Hinton's loss of logits (b, T, V), every place an example; a scalar, the mean over all places."""
    return soft_target(student.flatten(0, 1), teacher.flatten(0, 1), temperature)


LOSSES = TaskLosses(following, taught)
