"""What a student learns from a teacher's answers."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def soft_target(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)) of logits (b, classes); a scalar, the mean over the batch.

    T^2 keeps the size of the gradient when T changes (Hinton et al. 2015, arXiv 1503.02531, section 2).
    """
    return temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, 1), F.log_softmax(teacher / temperature, 1),
        reduction="batchmean", log_target=True,
    )  # fmt: skip
