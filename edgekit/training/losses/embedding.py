"""The losses of vectors that are compared with each other: what a student learns of a teacher's, without labels."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from edgekit.training.batches import TorchBatch
from edgekit.training.losses.task import TaskLosses


def unlabelled(outputs: torch.Tensor, batch: TorchBatch, smoothing: float = 0.0) -> torch.Tensor:
    """Return 0, with a gradient of 0: there is nothing to hold `outputs` against but a teacher."""
    return outputs.sum() * 0


def taught(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean square of what the cosines of a batch's pairs differ by, and 1 - the mean cosine to the teacher; a scalar.

    `student` (b, n) and `teacher` (b, m); the second part only where n is m. The first is the similarity-preserving
    loss (Tung and Mori 2019, arXiv 1907.09682, section 3) with cosines in place of rows of norm 1, over the
    b (b - 1) pairs of two examples. Vectors know no temperature.
    """
    own, other = F.normalize(student, dim=1), F.normalize(teacher, dim=1)
    apart = (own @ own.T - other @ other.T).square()  # the diagonal is 0 but for rounding
    loss = apart.sum() / max(len(own) * (len(own) - 1), 1)
    return loss + 1 - (own * other).sum(1).mean() if own.shape == other.shape else loss


LOSSES = TaskLosses(unlabelled, taught, any_width=True)
