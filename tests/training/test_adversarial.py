from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.errors import ModelError
from edgekit.training import adversarial
from edgekit.training.batches import ArraySource


class Words(nn.Module):
    """The mean of the tokens' vectors and of their places', and two classes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.place = nn.Embedding(4, 3)
        self.word = nn.Embedding(9, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, ids):
        return self.head(torch.tanh(self.word(ids) + self.place.weight).mean(1))


@pytest.fixture
def texts() -> ArraySource:
    draw = np.random.default_rng(0)
    ids = draw.integers(0, 9, (12, 4))
    split = Split(ids, (ids < 4).sum(1) % 2)
    return ArraySource(Batches(split, batch=12, seed=3, normalize=None, augment=None))


@pytest.fixture
def plain(settings):
    """Give settings with which a step is the learning rate times the gradient."""
    return lambda **said: settings(
        **{"epochs": 1, "momentum": 0, "weight_decay": 0, "schedule": "constant", "warmup": 0, **said}
    )


def gradients(module: Words, batch) -> dict[str, torch.Tensor]:
    module.zero_grad()
    nn.functional.cross_entropy(module(batch.inputs), batch.targets).backward()
    return {name: weights.grad.clone() for name, weights in module.named_parameters()}


def by_hand(module: Words, batch, size: float, rate: float) -> dict[str, torch.Tensor]:
    """Return the weights after one step down both gradients."""
    first, moved = gradients(module, batch), copy.deepcopy(module)
    with torch.no_grad():
        moved.word.weight += size * first["word.weight"] / first["word.weight"].norm()
    second = gradients(moved, batch)
    return {name: value - rate * (first[name] + second[name]) for name, value in module.state_dict().items()}


@pytest.mark.parametrize("pieces", [1, 5])
def test_a_step_goes_down_the_gradient_and_that_of_the_moved_words(texts, train, plain, pieces):
    module, size = Words(), 0.7
    expected = by_hand(copy.deepcopy(module), next(iter(texts.epoch(0))), size, 0.05)
    train(module, texts, plain(adversarial=size, accumulate=pieces))
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)


def test_what_is_shipped_of_a_network_that_does_not_learn_is_where_it_was(texts, train, plain):
    module = Words()
    before = copy.deepcopy(module.state_dict())
    train(module, texts, plain(adversarial=5, learning_rate=1e-30))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_the_history_tells_the_loss_of_the_moved_words_which_is_higher(texts, train, plain):
    line = train(Words(), texts, plain(adversarial=0.5, learning_rate=0.01))[0]
    assert line["parts"]["adversarial"] > line["loss"]
    assert "adversarial" not in train(Words(), texts, plain(), folder="other")[0]["parts"]


def test_words_are_back_where_they_were_if_the_step_fails():
    module = Words()
    module(torch.zeros(2, 4, dtype=torch.int64)).sum().backward()
    before = module.word.weight.detach().clone()
    with pytest.raises(KeyboardInterrupt), adversarial.moved(module.word.weight, 3.0):
        assert (module.word.weight - before).norm().item() == pytest.approx(3.0, rel=1e-5)
        raise KeyboardInterrupt
    assert torch.equal(module.word.weight, before)


@pytest.mark.parametrize("value", [0.0, float("inf"), float("nan")])
def test_a_gradient_that_says_no_direction_moves_nothing(value):
    weights = nn.Parameter(torch.ones(3, 2))
    weights.grad = torch.full((3, 2), value)
    with adversarial.moved(weights, 1.0):
        assert torch.equal(weights, torch.ones(3, 2))


def test_the_table_of_words_is_the_embedding_with_the_most_rows():
    module = Words()
    assert adversarial.table(module) is module.word.weight


def test_an_embedding_that_is_not_trained_is_passed_over():
    module = Words()
    module.word.requires_grad_(False)
    assert adversarial.table(module) is module.place.weight
    module.place.requires_grad_(False)
    with pytest.raises(ModelError, match=r"the network trains no nn\.Embedding"):
        adversarial.table(module)


def test_a_network_without_tokens_is_refused(network, train, arrays, settings):
    with pytest.raises(ModelError, match=r"the network has no nn\.Embedding") as caught:
        train(network(), arrays(), settings(adversarial=1))
    assert caught.value.hint == "leave it out"
