from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from edgekit.training.losses.distillation import soft_target

STUDENT = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
TEACHER = np.array([[1.0, 1.5, -0.5], [-2.0, 1.0, 0.3]])


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_the_loss_is_the_divergence_at_the_temperature_times_its_square(temperature):
    taught, learned = softmax(TEACHER / temperature), softmax(STUDENT / temperature)
    divergence = (taught * np.log(taught / learned)).sum(1).mean()
    loss = soft_target(torch.tensor(STUDENT), torch.tensor(TEACHER), temperature)
    assert loss.item() == pytest.approx(temperature**2 * divergence)


def test_at_temperature_1_it_is_the_cross_entropy_with_soft_labels_less_their_entropy():
    taught = torch.tensor(softmax(TEACHER))
    entropy = -(taught * taught.log()).sum(1).mean()
    crossed = F.cross_entropy(torch.tensor(STUDENT), taught)
    assert soft_target(torch.tensor(STUDENT), torch.tensor(TEACHER), 1.0).item() == pytest.approx(
        (crossed - entropy).item()
    )


def test_a_student_that_answers_as_the_teacher_has_nothing_to_learn():
    student = torch.tensor(TEACHER + 7, requires_grad=True)  # a constant more is the same distribution
    loss = soft_target(student, torch.tensor(TEACHER), 4.0)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert student.grad.abs().max() < 1e-12


def test_the_square_keeps_the_size_of_the_gradient():
    sizes = []
    for temperature in (20.0, 200.0):
        student = torch.tensor(STUDENT, requires_grad=True)
        soft_target(student, torch.tensor(TEACHER), temperature).backward()
        sizes.append(student.grad.norm().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)
