"""The losses of one class among several."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

import torch
from torch.nn import functional as F

from edgekit.errors import DataError
from edgekit.training.batches import TorchBatch
from edgekit.training.losses.distillation import soft_target
from edgekit.training.losses.task import TaskLosses

UNLABELLED = -1


def hard_label(
    logits: torch.Tensor,
    targets: torch.Tensor,
    smoothing: float = 0.0,
    partners: torch.Tensor | None = None,
    share: torch.Tensor | None = None,
    weights: Sequence[float] = (),
) -> torch.Tensor:
    """Cross-entropy of `logits` (b, classes) with `targets` (b,) int64; a scalar, the mean over the labelled examples.

    With `smoothing` s the target is (1 - s) one-hot + s / classes (Szegedy et al. 2016, arXiv 1512.00567). Of mixed
    inputs, share * CE(targets) + (1 - share) * CE(partners) (Zhang et al. 2018, arXiv 1710.09412, section 2). With
    `weights`, one for each class, the mean is weighted by those of the targets. A target of -1 says that the example
    has no label. Raises DataError where a target is no class of the logits.
    """
    if targets.is_floating_point():  # probabilities (b, classes), as a user's own loader may give
        return F.cross_entropy(logits, targets, label_smoothing=smoothing)
    classes = logits.shape[1]
    if int(targets.max()) >= classes:
        raise DataError(
            f"a label is {int(targets.max())}, and the network answers {classes} classes, numbered 0 to {classes - 1}",
            "give the network as many outputs as there are classes",
        )
    counts, losses = _counted(logits, targets, smoothing, weights)
    if partners is not None and share is not None:
        other_counts, others = _counted(logits, partners, smoothing, weights)
        counts, losses = (
            share * own + (1 - share) * other for own, other in ((counts, other_counts), (losses, others))
        )
    return losses.sum() / counts.sum().clamp_min(torch.finfo(counts.dtype).tiny)


def _counted(
    logits: torch.Tensor, targets: torch.Tensor, smoothing: float, weights: Sequence[float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how much each example counts, and its loss times that, (b,) both."""
    counts = (targets != UNLABELLED).to(logits.dtype)
    if weights:
        counts = counts * logits.new_tensor(weights)[targets.clamp_min(0)]
    losses = F.cross_entropy(logits, targets, label_smoothing=smoothing, ignore_index=UNLABELLED, reduction="none")
    return counts, losses * counts


def _hard(outputs: torch.Tensor, batch: TorchBatch, smoothing: float, weights: Sequence[float] = ()) -> torch.Tensor:
    return hard_label(outputs, batch.targets, smoothing, batch.partners, batch.share, weights)


LOSSES = TaskLosses(_hard, soft_target, of_classes=True)


def weighted(weights: Sequence[float]) -> TaskLosses:
    """Return the losses where each class counts by its weight."""
    return dataclasses.replace(LOSSES, hard=partial(_hard, weights=tuple(weights)))
