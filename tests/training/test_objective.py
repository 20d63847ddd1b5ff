from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgekit.errors import ModelError, RecipeError
from edgekit.recipe.losses import POOLED, HardLabel, Losses, SoftTarget
from edgekit.training.batches import TorchBatch
from edgekit.training.losses import BY_TARGETS, own
from edgekit.training.losses.distillation import decoupled, soft_target
from edgekit.training.objective import LOSSES, Answer, Distillation, Supervised

BATCH = TorchBatch(torch.zeros(2, 3), torch.tensor([0, 2]), np.arange(2), 0)
OUTPUTS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])


class Fixed:
    """A teacher that always answers the same, and counts how often it is asked."""

    def __init__(self, answer: torch.Tensor | None = None) -> None:
        self.answer = torch.tensor([[1.0, 1.5, -0.5], [-2.0, 1.0, 0.3]]) if answer is None else answer
        self.asked = 0

    def __call__(self, batch):
        self.asked += 1
        return Answer(self.answer, {})


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
    objective = Supervised(own(lambda outputs, targets: outputs.sum() * targets.sum()), 0.2)
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


DRAW = torch.Generator().manual_seed(0)
MAPS = {"first": torch.randn(2, 3, 4, 4, generator=DRAW), POOLED: torch.randn(2, 3, generator=DRAW)}
DEEP = {
    "deep": torch.randn(2, 5, 2, 2, generator=DRAW),
    "first": torch.randn(2, 3, 4, 4, generator=DRAW),
    POOLED: torch.randn(2, 6, generator=DRAW),
}
MAPS["tokens"], DEEP["tokens"] = torch.randn(2, 4, 3, generator=DRAW), torch.randn(2, 4, 5, generator=DRAW)


class Knowing(Fixed):
    """A teacher of whose layers something is heard."""

    def __call__(self, batch):
        return super().__call__(batch)._replace(layers=DEEP)


class Student(nn.Module):
    """Answers as OUTPUTS whatever it is given."""

    def forward(self, x):
        return OUTPUTS


def only(**said) -> Losses:
    """Leave out what is there by default."""
    return Losses.model_validate({"soft-target": {"weight": 0}, "hard-label": {"weight": 0}, **said})


def test_a_weight_changes_in_a_straight_line_and_a_loss_without_weight_is_not_worked_out():
    said = {"soft-target": {"weight": 1.0, "final_weight": 0.0}, "hard-label": {"weight": 0.0, "final_weight": 0.5}}
    teacher = Fixed()
    objective = Distillation(Losses.model_validate(said), teacher)
    soft = soft_target(OUTPUTS, teacher.answer, 4.0).item()
    hard = F.cross_entropy(OUTPUTS, BATCH.targets).item()
    for progress, names in ((0.0, ["soft-target"]), (0.25, ["soft-target", "hard-label"]), (1.0, ["hard-label"])):
        loss, parts = objective(BATCH, OUTPUTS, progress)
        assert loss.item() == pytest.approx((1 - progress) * soft + 0.5 * progress * hard)
        assert list(parts) == names
    assert teacher.asked == 2


def test_every_loss_of_the_schema_is_worked_out_and_added_by_its_weight():
    every = {
        "soft-target": {"weight": 1}, "hard-label": {"weight": 2}, "dkd": {"weight": 3}, "dist": {"weight": 4},
        "hint": {"weight": 5, "layers": {"first": "deep", POOLED: POOLED, "tokens": "tokens"}},
        "attention": {"weight": 6, "layers": {"first": "deep"}}, "relational": {"weight": 7},
        "attention-map": {"weight": 8, "layers": {"first": "first"}},
    }  # fmt: skip
    assert set(every) == {field.alias or name for name, field in Losses.model_fields.items()}
    assert set(every) == {*LOSSES, "hard-label"}
    objective = Distillation(Losses.model_validate(every), Knowing(), MAPS)
    objective.begin([BATCH], Student())
    loss, parts = objective(BATCH, OUTPUTS)
    assert set(parts) == set(every)
    assert loss.item() == pytest.approx(sum(every[name]["weight"] * part.item() for name, part in parts.items()))
    shapes = sorted(tuple(each.shape) for each in objective.learned.parameters())
    assert shapes == [(5,), (5,), (5, 3), (5, 3, 1, 1), (6,), (6, 3)]


def test_padding_takes_no_part_in_what_is_compared_of_texts():
    ids = BATCH._replace(inputs=torch.tensor([[5, 6, 7, 0], [8, 0, 0, 0]]))
    objective = Distillation(only(hint={"layers": {"tokens": "tokens"}}), Knowing(), MAPS, pad=0)
    objective.begin([ids], Student())
    before, _ = objective(ids, OUTPUTS)
    projected = objective.learned["tokens"](MAPS["tokens"])
    squares = (projected - DEEP["tokens"]).square().mean(2)
    assert before.item() == pytest.approx((squares[0, :3].sum() + squares[1, 0]).item() / 4)


def test_vectors_of_any_width_teach_where_the_task_allows():
    teacher = Fixed(torch.randn(2, 5))
    with pytest.raises(ModelError, match=r"the teacher answers \[2, 5\] and the student \[2, 3\]"):
        Distillation(losses(1.0, 0.0), teacher)(BATCH, OUTPUTS)
    vectors = BY_TARGETS["vector"]
    loss, _ = Distillation(losses(1.0, 0.1), teacher, of_task=vectors)(BATCH, OUTPUTS)
    assert loss.item() == pytest.approx(vectors.soft(OUTPUTS, teacher.answer, 4.0).item())


@pytest.mark.parametrize(("share", "wanted"), [([0.9, 0.3], [0, 1]), ([0.5, 0.1], [0, 1])], ids=["clear", "at half"])
def test_of_a_mixed_image_dkd_takes_the_class_with_the_larger_share(share, wanted):
    batch = BATCH._replace(partners=torch.tensor([2, 1]), share=torch.tensor(share))
    teacher = Fixed()
    loss, _ = Distillation(only(dkd={}), teacher)(batch, OUTPUTS)
    assert loss.item() == pytest.approx(decoupled(OUTPUTS, teacher.answer, torch.tensor(wanted), 1, 8, 4).item())


def test_dkd_without_class_numbers_is_an_error():
    batch = BATCH._replace(targets=torch.rand(2, 3))
    with pytest.raises(RecipeError, match="dkd needs the class"):
        Distillation(only(dkd={}), Fixed())(batch, OUTPUTS)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"attention": {"layers": {POOLED: POOLED}}}, r'"pooled" answers \[2, 3\]'),
        ({"hint": {"layers": {"first": POOLED}}}, r'"pooled" answers \[2, 6\]'),
        ({"hint": {"layers": {"idle": "deep"}}}, '"idle" does not run, or answers no tensor'),
        ({"hint": {"layers": {"first": "idle"}}}, 'teacher\'s layer "idle" does not run'),
        ({"attention-map": {"layers": {"first": "deep"}}}, r'"first" answers \[2, 3, 4, 4\] and the .* \[2, 5, 2, 2\]'),
    ],
    ids=["a vector for attention", "a map and a vector", "a layer of the student", "a layer of the teacher", "lengths"],
)
def test_layers_that_do_not_fit_are_named(said, complaint):
    objective = Distillation(only(**said), Knowing(), MAPS)
    with pytest.raises(ModelError, match=complaint):
        objective.begin([BATCH], Student())
        objective(BATCH, OUTPUTS)
