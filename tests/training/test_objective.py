from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from edgekit.errors import ModelError, RecipeError
from edgekit.recipe.schema import HardLabel, Losses, SoftTarget
from edgekit.training.batches import TorchBatch
from edgekit.training.losses.distillation import soft_target
from edgekit.training.objective import Distillation, Supervised

BATCH = TorchBatch(torch.zeros(2, 3), torch.tensor([0, 2]), np.arange(2), 0)
OUTPUTS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])


class Fixed:
    """A teacher that always answers the same, and counts how often it is asked."""

    def __init__(self, answer: torch.Tensor | None = None) -> None:
        self.answer = torch.tensor([[1.0, 1.5, -0.5], [-2.0, 1.0, 0.3]]) if answer is None else answer
        self.asked = 0

    def __call__(self, batch):
        self.asked += 1
        return self.answer


def losses(soft: float, hard: float, temperature: float = 4.0) -> Losses:
    return Losses(**{
        "soft-target": SoftTarget(weight=soft, temperature=temperature), "hard-label": HardLabel(weight=hard)
    })  # fmt: skip


def test_labels_alone_are_cross_entropy_with_the_smoothing_asked_for():
    loss, parts = Supervised(label_smoothing=0.2)(BATCH, OUTPUTS)
    assert loss.item() == pytest.approx(F.cross_entropy(OUTPUTS, BATCH.targets, label_smoothing=0.2).item())
    assert parts["hard-label"].item() == loss.item()
    assert not parts["hard-label"].requires_grad


def test_a_loss_of_ones_own_takes_the_place_of_cross_entropy():
    objective = Supervised(lambda outputs, targets: outputs.sum() * targets.sum(), 0.2)
    assert objective(BATCH, OUTPUTS)[0].item() == 2 * OUTPUTS.sum().item()


def test_a_distillation_adds_its_losses_by_weight_and_tells_them_unweighted():
    teacher = Fixed()
    loss, parts = Distillation(losses(0.7, 0.2, 3.0), teacher, label_smoothing=0.1)(BATCH, OUTPUTS)
    soft = soft_target(OUTPUTS, teacher.answer, 3.0).item()
    hard = F.cross_entropy(OUTPUTS, BATCH.targets, label_smoothing=0.1).item()
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(
        {"soft-target": soft, "hard-label": hard}
    )
    assert loss.item() == pytest.approx(0.7 * soft + 0.2 * hard)


def test_a_teacher_without_weight_is_never_asked():
    teacher = Fixed()
    objective = Distillation(losses(0.0, 0.5), teacher)
    loss, parts = objective(BATCH, OUTPUTS)
    assert teacher.asked == 0
    assert list(parts) == ["hard-label"]
    assert loss.item() == pytest.approx(0.5 * F.cross_entropy(OUTPUTS, BATCH.targets).item())


def test_labels_without_weight_are_never_looked_at():
    batch = BATCH._replace(targets=torch.tensor([99, 99]))
    objective = Distillation(losses(1.0, 0.0), Fixed())
    assert list(objective(batch, OUTPUTS)[1]) == ["soft-target"]


def test_no_weight_at_all_is_an_error():
    with pytest.raises(RecipeError, match="nothing to learn"):
        Distillation(losses(0.0, 0.0), Fixed())


def test_a_teacher_of_other_classes_is_an_error_that_names_both():
    objective = Distillation(losses(1.0, 0.0), Fixed(torch.zeros(2, 5)))
    with pytest.raises(ModelError, match=r"teacher answers \[2, 5\] and the student \[2, 3\]"):
        objective(BATCH, OUTPUTS)
