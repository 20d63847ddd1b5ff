"""What a student learns from a teacher's answers: every function takes logits (b, classes), and gives a scalar."""

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


def decoupled(
    student: torch.Tensor, teacher: torch.Tensor, classes: torch.Tensor, alpha: float, beta: float, temperature: float
) -> torch.Tensor:
    """T^2 (alpha TCKD + beta NCKD) of logits (b, classes) at temperature T; a scalar, the mean over the batch.

    With p the probability of the class in `classes` (b,) int64, and q the probabilities among the others alone:
    TCKD = KL((p, 1 - p) of the teacher || of the student), NCKD = KL(q of the teacher || of the student). Plain
    KL is TCKD + (1 - p of the teacher) NCKD (DKD: Zhao et al. 2022, arXiv 2203.08679, section 3). Of two classes q is
    1, and NCKD 0.
    """
    right = F.one_hot(classes, student.shape[1]).bool()
    (own, others), (taught_own, taught_others) = (_parted(each / temperature, right) for each in (student, teacher))
    target = F.kl_div(own, taught_own, reduction="batchmean", log_target=True)
    rest = F.kl_div(others, taught_others, reduction="batchmean", log_target=True)
    return temperature**2 * (alpha * target + beta * rest)


def _parted(logits: torch.Tensor, right: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logarithms of (p, 1 - p) as (b, 2), and of the probabilities among the others, (b, classes - 1)."""
    others = logits[~right].view(len(logits), -1)
    pair = torch.stack([logits[right], others.logsumexp(1)], 1)
    return pair.log_softmax(1), others.log_softmax(1)


def correlated(
    student: torch.Tensor, teacher: torch.Tensor, beta: float, gamma: float, temperature: float
) -> torch.Tensor:
    """T^2 (beta mean_i(1 - r of row i) + gamma mean_j(1 - r of column j)) of logits (b, classes); a scalar.

    r is Pearson's correlation between the probabilities softmax(. / T) of student and teacher: over the classes of an
    example, and over the examples of a class (DIST: Huang et al. 2022, arXiv 2205.10536, section 3; T^2 as in its
    authors' code). Whatever is added to a row or column of probabilities, or multiplied with it, changes nothing.
    Where a row or column is constant, its r is 0: a batch of one has no relation over examples to teach.
    """
    learned, taught = (each / temperature for each in (student, teacher))
    learned, taught = learned.softmax(1), taught.softmax(1)
    rows, columns = 1 - _pearson(learned, taught), 1 - _pearson(learned.T, taught.T)
    return temperature**2 * (beta * rows.mean() + gamma * columns.mean())


def _pearson(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the correlation of each row of (n, m) with its like, (n,)."""
    return F.cosine_similarity(one - one.mean(1, keepdim=True), other - other.mean(1, keepdim=True), 1, eps=1e-8)
