from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from edgekit.training.losses.distillation import correlated, decoupled, soft_target

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


CLASSES = np.array([2, 1])


def divergence(taught, learned):
    return sum(p * np.log(p / q) for p, q in zip(taught, learned, strict=True))


def parts(temperature):
    """Work out TCKD, NCKD and the teacher's probability of the right class, for each example."""
    for student, teacher, right in zip(STUDENT, TEACHER, CLASSES, strict=True):
        q, p = (softmax(each[None] / temperature)[0] for each in (student, teacher))
        others = [index for index in range(3) if index != right]
        target = divergence([p[right], 1 - p[right]], [q[right], 1 - q[right]])
        rest = divergence([p[i] / (1 - p[right]) for i in others], [q[i] / (1 - q[right]) for i in others])
        yield target, rest, p[right]


@pytest.mark.parametrize(
    ("alpha", "beta", "temperature"),
    [(1.0, 8.0, 4.0), (1.0, 0.0, 1.0), (0.0, 1.0, 0.5)],
    ids=["both", "the right class alone", "the others alone"],
)
def test_decoupled_weighs_the_right_class_and_the_others(alpha, beta, temperature):
    wanted = np.mean([alpha * target + beta * rest for target, rest, _ in parts(temperature)])
    loss = decoupled(torch.tensor(STUDENT), torch.tensor(TEACHER), torch.tensor(CLASSES), alpha, beta, temperature)
    assert loss.item() == pytest.approx(temperature**2 * wanted)


def test_plain_divergence_is_decoupled_with_the_others_weighed_by_what_the_right_class_leaves():
    for row, (target, rest, right) in enumerate(parts(4.0)):
        student, teacher = torch.tensor(STUDENT[[row]]), torch.tensor(TEACHER[[row]])
        assert soft_target(student, teacher, 4.0).item() == pytest.approx(16 * (target + (1 - right) * rest))
        loss = decoupled(student, teacher, torch.tensor(CLASSES[[row]]), 1.0, 1 - right, 4.0)
        assert loss.item() == pytest.approx(soft_target(student, teacher, 4.0).item())


def test_decoupled_of_two_classes_is_the_plain_divergence_whatever_beta():
    student, teacher = torch.tensor(STUDENT[:, :2]), torch.tensor(TEACHER[:, :2])
    loss = decoupled(student, teacher, torch.tensor([0, 1]), 1.0, 8.0, 2.0)
    assert loss.item() == pytest.approx(soft_target(student, teacher, 2.0).item())


def correlation(one, other):
    a, b = [v - sum(one) / len(one) for v in one], [v - sum(other) / len(other) for v in other]
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


THREE = np.array([[2.0, -1.0, 0.5, 0.1], [0.0, 3.0, -2.0, 1.0], [0.4, 0.2, 1.0, -1.0]])
TAUGHT = np.array([[1.0, 1.5, -0.5, 0.0], [-2.0, 1.0, 0.3, 0.7], [0.0, -1.0, 2.0, 0.5]])


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_dist_is_one_less_the_correlation_of_rows_and_of_columns(temperature):
    learned, taught = softmax(THREE / temperature), softmax(TAUGHT / temperature)
    rows = np.mean([1 - correlation(a, b) for a, b in zip(learned, taught, strict=True)])
    columns = np.mean([1 - correlation(a, b) for a, b in zip(learned.T, taught.T, strict=True)])
    loss = correlated(torch.tensor(THREE), torch.tensor(TAUGHT), 2.0, 0.5, temperature)
    assert loss.item() == pytest.approx(temperature**2 * (2 * rows + 0.5 * columns))


@pytest.mark.parametrize(("beta", "gamma", "axis"), [(1.0, 0.0, 1), (0.0, 1.0, 0)], ids=["rows", "columns"])
def test_dist_sees_no_scale_and_no_shift_of_the_probabilities_of_a_row_or_column(beta, gamma, axis):
    # 0.1 + 0.6 p is a distribution over four classes as well, where p is; over a column it is a shift and a scale.
    probabilities = softmax(TAUGHT)
    moved = 0.1 + 0.6 * probabilities
    loss = correlated(torch.tensor(np.log(moved)), torch.tensor(TAUGHT), beta, gamma, 1.0)
    assert loss.item() == pytest.approx(0, abs=1e-7)
    other = probabilities.copy()
    other[0] = other[0, ::-1]
    assert correlated(torch.tensor(np.log(other)), torch.tensor(TAUGHT), beta, gamma, 1.0).item() > 0.01


LOSSES = {
    "decoupled": lambda s, t: decoupled(s, t, torch.arange(len(s)) % 3, 1.0, 8.0, 4.0),
    "dist": lambda s, t: correlated(s, t, 1.0, 1.0, 4.0),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_same_answers_teach_nothing(loss):
    student = torch.tensor(TEACHER + 7, requires_grad=True)
    value = loss(student, torch.tensor(TEACHER))
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert student.grad.abs().max() < 1e-6


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(
    "logits",
    [torch.zeros(4, 3), torch.tensor([[200.0, -200.0, 0.0]] * 4), torch.randn(1, 3), 1e4 * torch.randn(4, 3)],
    ids=["all alike", "certain", "a batch of one", "far apart"],
)
def test_extreme_answers_give_finite_losses_and_gradients(loss, logits):
    for student, teacher in ((logits, torch.randn_like(logits)), (torch.randn_like(logits), logits)):
        learner = student.clone().requires_grad_()
        value = loss(learner, teacher)
        value.backward()
        assert value.isfinite()
        assert learner.grad.isfinite().all()
