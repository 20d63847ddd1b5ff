from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.recipe.data import Augment, Normalize
from edgekit.training.batches import LoaderSource, TorchBatch, tensors
from edgekit.training.objective import Answer
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


def ask(teacher, source: Batches, epochs: int) -> list[tuple[TorchBatch, Answer]]:
    teacher.fill(min(source.views, epochs))
    return [(batch, teacher(batch)) for epoch in range(epochs) for batch in map(tensors, source.epoch(epoch))]


def test_kept_answers_are_the_live_ones_for_every_view_and_every_batch(split, device):
    cached, live = CachedTeacher(Teacher().train(), batches(split), "t", device), LiveTeacher(Teacher().train())
    seen = set()
    for batch, kept in ask(cached, batches(split), epochs=6):
        torch.testing.assert_close(kept.logits, live(batch).logits)
        assert kept.logits.dtype == torch.float32
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
    before = [kept.logits for _, kept in ask(cached, batches(split), epochs=3)]
    damage(cached.folder / "view-1-logits-00000.npy")
    capsys.readouterr()
    teacher = Teacher()
    after = [
        kept.logits for _, kept in ask(CachedTeacher(teacher, batches(split), "t", device), batches(split), epochs=3)
    ]
    assert all(map(torch.equal, before, after))
    assert teacher.asked == 44
    told = capsys.readouterr().err
    assert "1 of 3 parts are missing; asking for these" in told
    assert ("view-1-logits-00000.npy" in told and said in told) if said else "damaged" not in told
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
    (student.log_softmax(1) * live(batch).logits.softmax(1)).sum().backward()
    assert student.grad.abs().sum() > 0


def test_answers_are_kept_where_the_views_are_counted_and_the_examples_known(split, device):
    teacher = Teacher()
    assert isinstance(answers([(teacher, "t")], batches(split), 2, device), CachedTeacher)
    assert teacher.asked == 2 * 44  # two epochs see two of the three views
    assert isinstance(answers([(Teacher(), "t")], batches(split, views=0), 3, device), LiveTeacher)
    loader = LoaderSource([(torch.ones(1), torch.ones(1))])
    assert isinstance(answers([(Teacher(), "t")], getattr(loader, "batches", None), 3, device), LiveTeacher)


def filled(teacher: nn.Module, source: Batches, device, pooled: bool = True) -> CachedTeacher:
    cached = CachedTeacher(teacher, source, "t", device, pooled)
    cached.fill(2)
    return cached


def test_pooled_vectors_are_kept_beside_the_logits_in_half_the_room(split, device):
    cached, live = filled(Teacher(), batches(split), device), LiveTeacher(Teacher(), ["pooled"])
    for batch in map(tensors, batches(split).epoch(1)):
        kept, asked = cached(batch), live(batch)
        torch.testing.assert_close(kept.logits, asked.logits)
        torch.testing.assert_close(kept.layers["pooled"], asked.layers["pooled"], rtol=2**-11, atol=1e-7)
        assert kept.layers["pooled"].dtype == torch.float32
    vectors = np.load(cached.folder / "view-0-pooled-00000.npy", mmap_mode="r")
    assert (vectors.shape, vectors.dtype) == ((44, 24), np.float16)


def test_pooled_vectors_too_large_for_half_precision_are_kept_whole(split, device):
    teacher = Teacher()
    teacher.layers[1].weight.data.fill_(1e6)
    cached, live = filled(teacher, batches(split), device), LiveTeacher(teacher, ["pooled"])
    batch = next(map(tensors, batches(split).epoch(0)))
    torch.testing.assert_close(cached(batch).layers["pooled"], live(batch).layers["pooled"])
    assert live(batch).layers["pooled"].max() > 65504


def test_a_student_that_wants_pooled_vectors_as_well_asks_for_them_once(split, device):
    filled(Teacher(), batches(split), device, pooled=False)
    second, third, fourth = Teacher(), Teacher(), Teacher()
    filled(second, batches(split), device)
    filled(third, batches(split, seed=9, batch=5), device)
    filled(fourth, batches(split), device, pooled=False)
    assert (second.asked, third.asked, fourth.asked) == (2 * 44, 0, 0)


def test_damaged_pooled_vectors_are_asked_for_again_and_a_killed_filling_goes_on_at_its_view(split, device, capsys):
    cached = filled(Teacher(), batches(split), device)
    before = [np.load(path) for path in sorted(cached.folder.glob("*.npy"))]
    alter(cached.folder / "view-1-pooled-00000.npy")
    second = Teacher()
    filled(second, batches(split), device)
    assert second.asked == 44
    assert "view-1-pooled-00000.npy: the kept answers are damaged" in capsys.readouterr().err
    (cached.folder / "view-1-pooled-00000.npy").unlink()  # as if killed between the two files of the second view
    third = Teacher()
    filled(third, batches(split), device)
    assert third.asked == 44
    assert all(map(np.array_equal, before, [np.load(path) for path in sorted(cached.folder.glob("*.npy"))]))


def test_feature_maps_are_asked_for_live_and_a_line_says_so(split, device, capsys):
    live = answers([(Teacher(), "t")], batches(split), 2, device, ["pooled", "layers.0"])
    assert isinstance(live, LiveTeacher)
    assert "asked for every batch: what its layers.0 answers" in capsys.readouterr().err
    batch = next(map(tensors, batches(split).epoch(0)))
    assert live(batch).layers["layers.0"].shape == (8, 2, 4, 3)
    assert isinstance(answers([(Teacher(), "t")], batches(split), 2, device, ["pooled"]), CachedTeacher)


def test_several_teachers_are_averaged_each_from_its_own_cache_and_the_first_ones_layers_are_heard(split, device):
    one, other = Teacher(), Teacher()
    other.layers[-1].bias.data += torch.tensor([1.0, 2.0, 3.0])
    both = answers([(one, "one"), (other, "other")], batches(split), 1, device, ["pooled"])
    assert (one.asked, other.asked) == (44, 44)
    batch = next(map(tensors, batches(split).epoch(0)))
    first = LiveTeacher(Teacher(), ["pooled"])(batch)
    torch.testing.assert_close(both(batch).logits, first.logits + torch.tensor([0.5, 1.0, 1.5]))
    torch.testing.assert_close(both(batch).layers["pooled"], first.layers["pooled"], rtol=2**-11, atol=1e-7)
    answers([(other, "other")], batches(split), 1, device)
    assert (one.asked, other.asked) == (44, 44)
