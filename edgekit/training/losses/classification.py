"""The loss of one class among several."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def hard_label(logits: torch.Tensor, targets: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Cross-entropy of `logits` (b, classes) with `targets` (b,) int64; a scalar, the mean over the batch.

    With `smoothing` s the target is (1 - s) one-hot + s / classes (Szegedy et al. 2016, arXiv 1512.00567).
    """
    return F.cross_entropy(logits, targets, label_smoothing=smoothing)
