"""What a student learns from inside a teacher.

Feature maps (b, channels, height, width), vectors (b, n), vectors of every token (b, T, n), attention maps
(b, heads, T, T). `real` (b, T) says which tokens count, where texts of a batch are padded.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


def hint(
    student: torch.Tensor, teacher: torch.Tensor, projection: nn.Module, real: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean square of projection(student) - teacher over all elements; a scalar. Maps, or vectors (b, n), (b, T, n).

    FitNets: Romero et al. 2015, arXiv 1412.6550, equation 3, with the mean in place of half the sum, so that a weight
    means the same for small and large layers. `projection` turns the student's channels into the teacher's, and is
    learned with the student. The larger of two maps is first averaged over areas to the size of the smaller, and the
    longer of two rows of vectors over stretches.
    """
    if student.ndim == 4:
        student, teacher = _of_one_size(student, teacher)
    elif student.ndim == 3:
        student, teacher = _of_one_length(student, teacher)
    errors: torch.Tensor = (projection(student) - teacher).square()
    if errors.ndim != 3 or real is None:
        return errors.mean()
    kept: torch.Tensor = F.adaptive_max_pool1d(real.to(errors.dtype), errors.shape[1])
    return _mean(errors.mean(2), kept)


def _mean(values: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    return (values * real).sum() / real.sum().clamp_min(1)


def attention_map(student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
    """Mean square of student - teacher over heads and over the pairs of real tokens; a scalar. Maps (b, heads, T, T).

    TinyBERT: Jiao et al. 2019, arXiv 1909.10351, equation 7, which takes the scores before the softmax. Where the heads
    are not as many, the means over each one's heads are compared.
    """
    if student.shape[1] != teacher.shape[1]:
        student, teacher = student.mean(1, keepdim=True), teacher.mean(1, keepdim=True)
    errors = (student - teacher).square().mean(1)
    return errors.mean() if real is None else _mean(errors, real[:, :, None] & real[:, None, :])


def attention(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """||a(student) - a(teacher)||^2 of maps (b, any channels, h, w); a scalar, the mean over the batch, within 0..2.

    a is the sum of squares over the channels, as a vector over the positions of norm 1, so that the size of the
    features does not count (Zagoruyko and Komodakis 2017, arXiv 1612.03928, section 3.1; the square of its norm).
    The larger of two maps is first averaged over areas to the size of the smaller.
    """
    maps = [F.normalize(each.square().sum(1).flatten(1), dim=1) for each in _of_one_size(student, teacher)]
    return (maps[0] - maps[1]).square().sum(1).mean()


def _of_one_size(student: torch.Tensor, teacher: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Average the larger map over areas to the size of the smaller, each axis for itself."""
    if student.shape[2:] == teacher.shape[2:]:
        return student, teacher
    size = min(student.shape[2], teacher.shape[2]), min(student.shape[3], teacher.shape[3])
    return F.adaptive_avg_pool2d(student, size), F.adaptive_avg_pool2d(teacher, size)


def _of_one_length(student: torch.Tensor, teacher: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    length = min(student.shape[1], teacher.shape[1])
    student, teacher = (
        each if each.shape[1] == length else F.adaptive_avg_pool1d(each.transpose(1, 2), length).transpose(1, 2)
        for each in (student, teacher)
    )
    return student, teacher


def relational(student: torch.Tensor, teacher: torch.Tensor, distance: float, angle: float) -> torch.Tensor:
    """distance * RKD-D + angle * RKD-A of vectors (b, any length); a scalar.

    RKD-D: Huber loss (delta 1) between the distances of two examples, each divided by their mean over the batch; the
    mean over the b (b - 1) pairs. RKD-A: the same between the cosines of the angle that two examples make at a third;
    the mean over the b (b - 1) (b - 2) triples. Moving, turning or scaling a network's vectors changes nothing (Park
    et al. 2019, arXiv 1904.05068, sections 3.2.1 and 3.2.2, which has distance : angle as 1 : 2). Memory b^2 n + b^3.
    """
    total = student.sum() * 0  # a gradient, if of nothing
    if len(student) < 3:  # no triple, and one distance, which is its own mean
        return total
    pairs = len(student) * (len(student) - 1)
    lengths = [torch.cdist(each, each, compute_mode="donot_use_mm_for_euclid_dist") for each in (student, teacher)]
    if distance:
        tiny = torch.finfo(student.dtype).tiny  # where all vectors are one, as a network's may be in its first step
        apart = [each / (each.sum() / pairs).clamp_min(tiny) for each in lengths]
        total = total + distance * F.huber_loss(apart[0], apart[1], reduction="sum") / pairs
    if angle:
        # Two vectors alike have no direction; to divide by their distance would make their gradient endless.
        between = [each.unsqueeze(0) - each.unsqueeze(1) for each in (student, teacher)]
        whole = [each.where(each > 0, 1).unsqueeze(2) for each in lengths]
        towards = [each / by for each, by in zip(between, whole, strict=True)]
        cosines = [each @ each.transpose(1, 2) for each in towards]
        total = total + angle * F.huber_loss(cosines[0], cosines[1], reduction="sum") / (pairs * (len(student) - 2))
    return total
