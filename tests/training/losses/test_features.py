from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.training.losses.features import attention, attention_map, hint, relational

DRAW = np.random.default_rng(3)
STUDENT = DRAW.normal(size=(2, 3, 4, 4))
TEACHER = DRAW.normal(size=(2, 5, 2, 2))
VECTORS, TAUGHT = DRAW.normal(size=(4, 3)), DRAW.normal(size=(4, 6))


def areas(maps):
    """Average 4x4 maps over 2x2 areas."""
    return np.array([[[[one[y : y + 2, x : x + 2].mean() for x in (0, 2)] for y in (0, 2)] for one in m] for m in maps])


def test_a_hint_is_the_mean_square_between_the_projected_map_and_the_teachers():
    projection = nn.Conv2d(3, 5, 1, dtype=torch.float64)
    weight, bias = projection.weight.detach().numpy()[:, :, 0, 0], projection.bias.detach().numpy()
    small, squares = areas(STUDENT), []
    for b, channel, y, x in itertools.product(range(2), range(5), range(2), range(2)):
        projected = bias[channel] + sum(weight[channel, c] * small[b, c, y, x] for c in range(3))
        squares.append((projected - TEACHER[b, channel, y, x]) ** 2)
    loss = hint(torch.tensor(STUDENT), torch.tensor(TEACHER), projection)
    assert loss.item() == pytest.approx(np.mean(squares))
    loss.backward()
    assert projection.weight.grad.abs().sum() > 0


def test_a_hint_of_vectors_takes_them_as_they_are():
    wanted = np.mean([(2 * a - b) ** 2 for a, b in zip(VECTORS.flat, TAUGHT[:, :3].flat, strict=True)])
    loss = hint(torch.tensor(VECTORS), torch.tensor(TAUGHT[:, :3]), lambda x: 2 * x)
    assert loss.item() == pytest.approx(wanted)


def where(one):
    """Work out the attention of one example: squares summed over channels, of norm 1 over the positions."""
    flat = [sum(one[c, y, x] ** 2 for c in range(len(one))) for y in range(one.shape[1]) for x in range(one.shape[2])]
    return np.array(flat) / sum(v * v for v in flat) ** 0.5


def test_attention_is_the_square_between_where_both_look():
    pairs = zip(areas(STUDENT), TEACHER, strict=True)
    wanted = np.mean([sum((where(s) - where(t)) ** 2) for s, t in pairs])
    assert attention(torch.tensor(STUDENT), torch.tensor(TEACHER)).item() == pytest.approx(wanted)
    # The larger map is made smaller, whichever it is.
    assert attention(torch.tensor(TEACHER), torch.tensor(STUDENT)).item() == pytest.approx(wanted)


def test_attention_sees_no_scale_and_no_order_of_channels():
    maps = torch.tensor(STUDENT)
    assert attention(3 * maps[:, [2, 0, 1]], maps).item() == pytest.approx(0, abs=1e-12)


def huber(difference):
    return difference**2 / 2 if abs(difference) < 1 else abs(difference) - 0.5


def distances(vectors):
    apart = {
        (i, j): sum((a - b) ** 2 for a, b in zip(vectors[i], vectors[j], strict=True)) ** 0.5
        for i, j in itertools.permutations(range(len(vectors)), 2)
    }
    mean = sum(apart.values()) / len(apart)
    return {pair: value / mean for pair, value in apart.items()}


def cosine(vectors, i, j, k):
    """The cosine of the angle that i and k make at j."""
    a, b = vectors[i] - vectors[j], vectors[k] - vectors[j]
    return float(a @ b) / float((a @ a) * (b @ b)) ** 0.5


def test_relational_compares_distances_of_pairs_and_angles_of_triples():
    ours, theirs = distances(VECTORS), distances(TAUGHT)
    pairs = np.mean([huber(ours[pair] - theirs[pair]) for pair in ours])
    triples = itertools.permutations(range(4), 3)
    angles = np.mean([huber(cosine(VECTORS, *triple) - cosine(TAUGHT, *triple)) for triple in triples])
    student, teacher = torch.tensor(VECTORS), torch.tensor(TAUGHT)
    assert relational(student, teacher, 1.0, 0.0).item() == pytest.approx(pairs)
    assert relational(student, teacher, 0.0, 1.0).item() == pytest.approx(angles)
    assert relational(student, teacher, 3.0, 2.0).item() == pytest.approx(3 * pairs + 2 * angles)


def test_relational_sees_no_place_no_turn_and_no_scale():
    turn, _ = np.linalg.qr(DRAW.normal(size=(6, 6)))
    moved = torch.tensor(5 * TAUGHT @ turn + 7)
    assert relational(moved, torch.tensor(TAUGHT), 1.0, 2.0).item() == pytest.approx(0, abs=1e-12)
    stretched = torch.tensor(TAUGHT * np.array([3, 1, 1, 1, 1, 1]))
    for weights in ((1.0, 0.0), (0.0, 1.0)):
        assert relational(stretched, torch.tensor(TAUGHT), *weights).item() > 1e-3


LOSSES = {
    "hint": (lambda s, t: hint(s, t, nn.Conv2d(3, 3, 1)), (4, 3, 2, 2)),
    "attention": (attention, (4, 3, 2, 2)),
    "relational": (lambda s, t: relational(s, t, 1.0, 2.0), (4, 3)),
}


@pytest.mark.parametrize(("loss", "shape"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("kind", ["zeros", "alike", "two alike", "large", "one example"])
def test_degenerate_features_give_finite_losses_and_gradients(loss, shape, kind):
    features = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    if kind == "zeros":
        features = torch.zeros(shape)
    elif kind == "alike":
        features = features[:1].expand(shape).clone()
    elif kind == "two alike":
        features[1] = features[0]
    elif kind == "large":
        features = 1e6 * features
    else:
        features = features[:1]
    taught = torch.randn(features.shape, generator=torch.Generator().manual_seed(2))
    for student, teacher in ((features, taught), (taught, features)):
        learner = student.clone().requires_grad_()
        value = loss(learner, teacher)
        value.backward()
        assert value.isfinite()
        assert learner.grad is None or (learner.grad.isfinite().all() and learner.grad.abs().max() < 1e8)


@pytest.mark.parametrize("loss", [attention, lambda s, t: relational(s.flatten(1), t.flatten(1), 1.0, 2.0)])
def test_a_student_like_its_teacher_has_nothing_to_learn(loss):
    maps = torch.tensor(DRAW.normal(size=(4, 3, 2, 2)))
    student = maps.clone().requires_grad_()
    value = loss(student, maps)
    value.backward()
    assert value.item() == 0
    assert student.grad.abs().max() == 0


def test_a_hint_of_tokens_compares_the_vectors_of_those_that_are_no_padding():
    student, teacher = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    real = torch.tensor([[True, True, False], [True, False, False]])
    squares = ((2 * student - teacher) ** 2)[real]
    assert hint(student, teacher, lambda x: 2 * x, real).item() == pytest.approx(squares.mean().item())
    everything = ((2 * student - teacher) ** 2).mean().item()
    assert hint(student, teacher, lambda x: 2 * x).item() == pytest.approx(everything)


def test_of_rows_of_other_lengths_the_longer_is_averaged_and_padding_is_what_is_padding_alone():
    student, teacher = torch.randn(2, 4, 3), torch.randn(2, 2, 3)
    wanted = ((student.view(2, 2, 2, 3).mean(2) - teacher) ** 2).mean(2)
    assert hint(student, teacher, nn.Identity()).item() == pytest.approx(wanted.mean().item())
    assert hint(teacher, student, nn.Identity()).item() == pytest.approx(wanted.mean().item())
    real = torch.tensor([[True, True, True, False], [True, False, False, False]])
    kept = wanted[torch.tensor([[True, True], [True, False]])].mean().item()
    assert hint(student, teacher, nn.Identity(), real).item() == pytest.approx(kept)


def test_attention_maps_are_compared_by_heads_and_without_the_padding():
    student, teacher = DRAW.normal(size=(2, 2, 3, 3)), DRAW.normal(size=(2, 2, 3, 3))
    lengths, squares = (3, 1), []
    for b, head in itertools.product(range(2), range(2)):
        block = np.s_[b, head, : lengths[b], : lengths[b]]
        squares += ((student[block] - teacher[block]) ** 2).flatten().tolist()
    real = torch.tensor([[True, True, True], [True, False, False]])
    loss = attention_map(torch.tensor(student), torch.tensor(teacher), real)
    assert loss.item() == pytest.approx(np.mean(squares))
    whole = attention_map(torch.tensor(student), torch.tensor(teacher))
    assert whole.item() == pytest.approx(((student - teacher) ** 2).mean())


def test_of_other_numbers_of_heads_their_means_are_compared():
    student, teacher = DRAW.normal(size=(2, 2, 3, 3)), DRAW.normal(size=(2, 4, 3, 3))
    loss = attention_map(torch.tensor(student), torch.tensor(teacher))
    assert loss.item() == pytest.approx(((student.mean(1) - teacher.mean(1)) ** 2).mean())
