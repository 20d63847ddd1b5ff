"""The loss of one class among several."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from edgekit.errors import DataError


def hard_label(
    logits: torch.Tensor,
    targets: torch.Tensor,
    smoothing: float = 0.0,
    partners: torch.Tensor | None = None,
    share: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy of `logits` (b, classes) with `targets` (b,) int64; a scalar, the mean over the batch.

    With `smoothing` s the target is (1 - s) one-hot + s / classes (Szegedy et al. 2016, arXiv 1512.00567). Of mixed
    inputs, share * CE(targets) + (1 - share) * CE(partners) (Zhang et al. 2018, arXiv 1710.09412, section 2).
    Raises DataError where a target is no class of the logits.
    """
    classes = logits.shape[1]
    if not targets.is_floating_point() and int(targets.max()) >= classes:
        raise DataError(
            f"a label is {int(targets.max())}, and the network answers {classes} classes, numbered 0 to {classes - 1}",
            "give the network as many outputs as there are classes",
        )
    if partners is None or share is None:
        return F.cross_entropy(logits, targets, label_smoothing=smoothing)
    own = F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
    other = F.cross_entropy(logits, partners, label_smoothing=smoothing, reduction="none")
    return (share * own + (1 - share) * other).mean()
