from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.recipe.schema import Augment, Normalize
from edgekit.training.batches import LoaderSource, TorchBatch, tensors
from edgekit.training.teacher import CachedTeacher, LiveTeacher, answers

AUGMENT = Augment(flip=True, shift=1, erase=0.5)


class Teacher(nn.Module):
    """A teacher with a dropout, that counts the examples it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(24, 3))
        self.asked = 0

    def forward(self, x):
        self.asked += len(x)
        return self.layers(x)


def batches(split: Split, **said) -> Batches:
    return Batches(split, **{"batch": 8, "seed": 0, "normalize": None, "augment": AUGMENT, "views": 3, **said})


def ask(teacher, source: Batches, epochs: int) -> list[tuple[TorchBatch, torch.Tensor]]:
    teacher.fill(min(source.views, epochs))
    return [(batch, teacher(batch)) for epoch in range(epochs) for batch in map(tensors, source.epoch(epoch))]


def test_kept_answers_are_the_live_ones_for_every_view_and_every_batch(split, device):
    cached, live = CachedTeacher(Teacher().train(), batches(split), "t", device), LiveTeacher(Teacher().train())
    seen = set()
    for batch, kept in ask(cached, batches(split), epochs=6):
        torch.testing.assert_close(kept, live(batch))
        assert kept.dtype == torch.float32
        seen.add(batch.view)
    assert seen == {0, 1, 2}


def test_the_views_differ(split, device):
    cached = CachedTeacher(Teacher(), batches(split), "t", device)
    ask(cached, batches(split), epochs=3)
    kept = [np.load(path) for path in sorted(cached.folder.glob("*.npy"))]
    assert [each.shape for each in kept] == [(44, 3)] * 3
    assert not np.allclose(kept[0], kept[1])


def test_another_student_with_other_batches_and_epochs_asks_the_teacher_nothing(split, device):
    first = Teacher()
    ask(CachedTeacher(first, batches(split), "t", device), batches(split), epochs=3)
    assert first.asked == 3 * 44
    second = Teacher()
    other = batches(split, batch=11, seed=5)
    ask(CachedTeacher(second, other, "t", device), other, epochs=7)
    assert second.asked == 0


def test_only_the_views_that_are_looked_at_are_asked_for(split, device):
    teacher = Teacher()
    ask(CachedTeacher(teacher, batches(split), "t", device), batches(split), epochs=1)
    assert teacher.asked == 44


def alter(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (alter, "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "damaged"),
        (lambda path: path.write_bytes(b""), "damaged"),
        (lambda path: path.with_suffix(".sha256").write_text("0" * 64), "damaged"),
        (lambda path: path.with_suffix(".sha256").unlink(), None),
        (lambda path: path.unlink(), None),
    ],
    ids=["altered", "truncated", "emptied", "other hash", "killed before the hash", "removed"],
)
def test_answers_that_are_not_whole_are_asked_for_again(split, device, capsys, damage, said):
    cached = CachedTeacher(Teacher(), batches(split), "t", device)
    before = [kept for _, kept in ask(cached, batches(split), epochs=3)]
    damage(cached.folder / "view-1.npy")
    capsys.readouterr()
    teacher = Teacher()
    after = [kept for _, kept in ask(CachedTeacher(teacher, batches(split), "t", device), batches(split), epochs=3)]
    assert all(map(torch.equal, before, after))
    assert teacher.asked == 44
    told = capsys.readouterr().err
    assert ("view-1.npy" in told and said in told) if said else told == ""
    third = Teacher()
    ask(CachedTeacher(third, batches(split), "t", device), batches(split), epochs=3)
    assert third.asked == 0  # it was mended


@pytest.mark.parametrize(
    "other",
    [
        {"identity": "u"},
        {"augment": Augment(flip=True)},
        {"augment": None},
        {"view_seed": 1},
        {"normalize": Normalize(mean=[0.1], std=[0.2])},
        {"split": 43},
    ],
    ids=["teacher", "augmentation", "no augmentation", "seed of the views", "normalisation", "data"],
)
def test_answers_of_another_question_lie_elsewhere(split, device, other):
    said = dict(other)
    identity = said.pop("identity", "t")
    part = Split(split.inputs[: said["split"]], split.targets[: said.pop("split")]) if "split" in said else split
    here = CachedTeacher(Teacher(), batches(split), "t", device).folder
    assert CachedTeacher(Teacher(), batches(part, **said), identity, device).folder != here
    assert CachedTeacher(Teacher(), batches(split, batch=5, seed=9, views=8), "t", device).folder == here


def test_a_student_learns_from_a_live_teachers_answers(split):
    live = LiveTeacher(Teacher())
    batch = next(map(tensors, batches(split).epoch(0)))
    student = torch.zeros(len(batch.targets), 3, requires_grad=True)
    (student.log_softmax(1) * live(batch).softmax(1)).sum().backward()
    assert student.grad.abs().sum() > 0


def test_answers_are_kept_where_the_views_are_counted_and_the_examples_known(split, device):
    teacher = Teacher()
    assert isinstance(answers(teacher, batches(split), 2, "t", device), CachedTeacher)
    assert teacher.asked == 2 * 44  # two epochs see two of the three views
    assert isinstance(answers(Teacher(), batches(split, views=0), 3, "t", device), LiveTeacher)
    loader = LoaderSource([(torch.ones(1), torch.ones(1))])
    assert isinstance(answers(Teacher(), getattr(loader, "batches", None), 3, "t", device), LiveTeacher)
