from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from edgekit.recipe.networks import Train
from edgekit.training.optimizers import l1, learning_rate, optimizer


def settings(**said) -> Train:
    return Train(**{"learning_rate": 0.5, "warmup": 0.2, **said})


@pytest.mark.parametrize(
    ("schedule", "start", "middle_of_rise"),
    [("one-cycle", 0.5 / 25, 0.5 * (0.04 + 0.96 / 2)), ("cosine", 0.5e-3, 0.25), ("constant", 0.5e-3, 0.25)],
)
def test_a_schedule_rises_over_the_warm_up(schedule, start, middle_of_rise):
    said = settings(schedule=schedule)
    rates = [learning_rate(said, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(start)
    assert rates[10] == pytest.approx(middle_of_rise)
    assert rates[20] == pytest.approx(0.5)
    assert max(rates) == rates[20]
    assert rates[:21] == sorted(rates[:21])


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_it_falls_along_a_cosine_to_nothing(schedule):
    said = settings(schedule=schedule)
    rates = [learning_rate(said, step, 100) for step in range(101)]
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[60] == pytest.approx(0.25)
    assert rates[99] == pytest.approx(0.5 * (1 + math.cos(math.pi * 79 / 80)) / 2)
    assert rates[100] == pytest.approx(0.5e-4)
    assert learning_rate(said, 130, 100) == rates[100]  # a loader that yields more than its length says


def test_a_constant_rate_stays():
    said = settings(schedule="constant")
    assert {learning_rate(said, step, 100) for step in range(20, 200)} == {0.5}


def test_a_step_schedule_falls_after_every_so_many_epochs():
    said = settings(schedule="step", epochs=10, step_epochs=4, gamma=0.1, warmup=0.0)
    rates = [learning_rate(said, step, 100) for step in range(100)]
    assert rates == pytest.approx([0.5] * 40 + [0.05] * 40 + [0.005] * 20)
    rising = [learning_rate(said.model_copy(update={"warmup": 0.1}), step, 100) for step in range(100)]
    assert rising[5] == pytest.approx(0.25) and rising[10:] == rates[10:]


def test_l1_counts_the_weights_that_decay():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-3.0, 0.5]]))
        layer.bias.fill_(100)
    penalty = l1(layer)
    penalty.backward()
    assert penalty.item() == 3.5
    assert layer.weight.grad.tolist() == [[-1, 1]] and layer.bias.grad is None


def test_no_warm_up_begins_at_the_peak_and_nothing_but_warm_up_ends_there():
    assert learning_rate(settings(warmup=0.0), 0, 7) == 0.5
    rates = [learning_rate(settings(warmup=1.0), step, 10) for step in range(11)]
    assert rates == sorted(rates)
    assert rates[-1] == 0.5


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sgd", torch.optim.SGD),
        ("adam", torch.optim.Adam),
        ("adamw", torch.optim.AdamW),
        ("rmsprop", torch.optim.RMSprop),
    ],
)
def test_weight_decay_spares_norms_and_biases(name, kind):
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.PReLU(), nn.Flatten(), nn.Linear(8, 3))
    module[4].bias.requires_grad_(False)
    made = optimizer(module, settings(optimizer=name, weight_decay=0.01))
    assert type(made) is kind
    decays = {id(p): group["weight_decay"] for group in made.param_groups for p in group["params"]}
    found = {name: decays.get(id(p)) for name, p in module.named_parameters()}
    assert found == {
        "0.weight": 0.01, "0.bias": 0.0, "1.weight": 0.0, "1.bias": 0.0, "2.weight": 0.0, "4.weight": 0.01,
        "4.bias": None,
    }  # fmt: skip


def test_momentum_0_is_plain_descent():
    group = optimizer(nn.Linear(1, 1), settings(momentum=0.0)).param_groups[0]
    assert (group["momentum"], group["nesterov"]) == (0.0, False)
