"""The losses of each kind of targets, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from edgekit import tasks
from edgekit.errors import DataError
from edgekit.training.batches import TorchBatch
from edgekit.training.losses import BY_TARGETS, own
from edgekit.training.losses.classification import weighted
from edgekit.training.losses.distillation import soft_target


def batch(targets, partners=None, share=None):
    mixed = (None if part is None else torch.tensor(part) for part in (partners, share))
    return TorchBatch(torch.zeros(len(targets), 1), torch.tensor(targets), None, 0, *mixed)


def hard(kind, outputs, given, smoothing=0.0):
    return BY_TARGETS[kind].hard(torch.tensor(outputs), given, smoothing).item()


def soft(kind, student, teacher, temperature=1.0):
    return BY_TARGETS[kind].soft(torch.tensor(student), torch.tensor(teacher), temperature).item()


def test_every_task_has_losses():
    assert {task.targets for task in tasks.TASKS.values()} == set(BY_TARGETS)


def test_unlabelled_examples_take_no_part_in_the_loss_against_the_labels():
    logits = [[0.0, 0.0], [5.0, -1.0], [0.0, math.log(3)]]
    assert hard("class", logits, batch([0, -1, 1])) == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    assert hard("class", logits, batch([-1, -1, -1])) == 0
    mixed = batch([0, -1, 1], partners=[-1, 0, 1], share=[0.5, 1.0, 1.0])
    # Half of the first, none of the second, all of the third.
    assert hard("class", logits, mixed) == pytest.approx((0.5 * math.log(2) + math.log(4 / 3)) / 1.5)


def test_weights_of_classes_weigh_the_mean():
    given, logits = batch([0, 1, -1]), torch.tensor([[0.0, 0.0], [0.0, math.log(3)], [1.0, 2.0]])
    loss = weighted([3.0, 0.5]).hard(logits, given, 0.0).item()
    assert loss == pytest.approx((3 * math.log(2) + 0.5 * math.log(4 / 3)) / 3.5)


def test_numbers_are_compared_by_their_squares():
    assert hard("number", [[1.0], [3.0]], batch([2.0, 5.0])) == 2.5
    assert hard("number", [[1.0, 0.0], [3.0, 1.0]], batch([[2.0, 0.0], [5.0, math.nan]])) == pytest.approx(5 / 3)
    assert hard("number", [[1.0], [3.0]], batch([2.0, 5.0], [4.0, 5.0], [0.5, 1.0])) == (4 + 4) / 2
    assert soft("number", [[1.0], [3.0]], [[2.0], [5.0]], 9.0) == 2.5


def test_labels_are_each_a_question_of_its_own():
    three = math.log(3)  # the logit of 3/4
    wanted = -(math.log(0.75) + math.log(0.25) + 2 * math.log(0.5)) / 4
    assert hard("labels", [[three, three], [0.0, 0.0]], batch([[1.0, 0.0], [1.0, 1.0]])) == pytest.approx(wanted)
    assert hard("labels", [[three, 7.0], [9.0, 9.0]], batch([[1.0, 1.0], [-1.0, -1.0]]), 0.0) == pytest.approx(
        (-math.log(0.75) + math.log1p(math.exp(-7))) / 2
    )
    smoothed = -(0.9 * math.log(0.75) + 0.1 * math.log(0.25))
    assert hard("labels", [[three]], batch([[1.0]]), 0.2) == pytest.approx(smoothed)
    mixed = -(0.3 * math.log(0.75) + 0.7 * math.log(0.25))
    assert hard("labels", [[three]], batch([[1.0]], [[0.0]], [0.3])) == pytest.approx(mixed)


def test_labels_are_learned_from_a_teachers_probabilities_at_a_temperature():
    kl = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert soft("labels", [[0.0, 2.0]], [[math.log(3), 2.0]]) == pytest.approx(kl / 2, abs=1e-6)
    assert soft("labels", [[0.0]], [[2 * math.log(3)]], 2.0) == pytest.approx(4 * kl, abs=1e-6)


def test_tokens_are_classes_at_every_place():
    logits = [[[0.0, 0.0], [0.0, math.log(3)]], [[0.0, 0.0], [1.0, 4.0]]]
    wanted = (math.log(2) + math.log(4 / 3) + math.log(2)) / 3
    assert hard("token", logits, batch([[0, 1], [1, -1]])) == pytest.approx(wanted)
    teacher = torch.randn(2, 2, 2)
    learned = BY_TARGETS["token"].soft(torch.tensor(logits), teacher, 3.0)
    assert learned.item() == pytest.approx(soft_target(torch.tensor(logits).view(4, 2), teacher.view(4, 2), 3.0).item())
    with pytest.raises(DataError, match="a token is 2, and the network answers 2"):
        hard("token", logits, batch([[0, 1], [2, 0]]))


def test_vectors_are_compared_by_their_angles():
    student, teacher = [[2.0, 0.0], [0.0, 3.0]], [[1.0, 0.0], [0.6, 0.8]]
    # The pair's cosines are 0 and 0.6; those to the teacher 1 and 0.8.
    assert soft("vector", student, teacher) == pytest.approx(0.36 + 0.1)
    wide = [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0]]
    assert soft("vector", student, wide) == pytest.approx(0.36)
    assert BY_TARGETS["vector"].any_width and not BY_TARGETS["class"].any_width
    nothing = BY_TARGETS["vector"].hard(torch.ones(2, 2, requires_grad=True), batch([[], []]), 0.0)
    assert nothing.item() == 0 and nothing.requires_grad


def test_a_loss_of_ones_own_stands_beside_what_classes_learn_of_a_teacher():
    losses = own(lambda outputs, targets: (outputs - targets).sum())
    assert losses.hard(torch.tensor([3.0]), batch([1.0]), 0.5).item() == 2
    assert losses.soft is BY_TARGETS["class"].soft
