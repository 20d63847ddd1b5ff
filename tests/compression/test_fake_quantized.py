from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgekit.compression.fake_quantized import FakeQuantized
from edgekit.errors import ModelError
from edgekit.graph.schemes import SCHEMES


class Net(nn.Module):
    """Convolution, batch norm of an unusual eps, dropout, pooling, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(4, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8, eps=0.1)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(F.relu(self.norm(self.first(x))).mean((2, 3))))


@pytest.fixture(scope="module")
def inputs() -> torch.Tensor:
    return torch.randn(32, 4, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network(inputs: torch.Tensor) -> nn.Module:
    torch.manual_seed(0)
    network = Net()
    for _ in range(5):
        network(inputs)  # its batch norm has seen something
    return network.eval()


@pytest.fixture
def rounded(network: nn.Module, inputs: torch.Tensor) -> FakeQuantized:
    rounded = FakeQuantized(network, inputs[:2], SCHEMES["u8s8"])
    rounded.calibrate([inputs[:16], inputs[16:]])
    return rounded


def test_it_answers_nearly_as_the_network_for_a_batch_of_any_size(
    rounded: FakeQuantized, network: nn.Module, inputs: torch.Tensor
):
    rounded.eval()
    for size in (1, 5, 32):
        apart = (rounded(inputs[:size]) - network(inputs[:size])).abs().max()
        assert 0 < apart < 0.05
    assert rounded.layers == 2
    assert not any("norm" in name for name, _ in rounded.named_parameters()), "batch norm is folded"


def test_ranges_follow_what_is_seen_in_training_alone(rounded: FakeQuantized, inputs: torch.Tensor):
    rounded.eval()
    before = rounded(inputs)
    rounded(10 * inputs)
    assert torch.equal(rounded(inputs), before), "in evaluation they stay"
    rounded.train()
    rounded(10 * inputs)
    rounded.eval()
    assert not torch.equal(rounded(inputs), before)


def test_weights_are_rounded_as_wide_as_they_are_now(rounded: FakeQuantized, inputs: torch.Tensor):
    rounded.eval()
    expected = rounded(inputs)
    with torch.no_grad():
        for name, weights in rounded.named_parameters():
            if name.endswith("head.weight") or name.endswith("head.bias"):
                weights *= 4
    assert torch.allclose(rounded(inputs), 4 * expected, rtol=1e-4, atol=1e-6)


def test_it_learns_and_goes_on_from_its_state(rounded: FakeQuantized, network: nn.Module, inputs: torch.Tensor):
    targets = torch.arange(len(inputs)) % 3
    optimizer = torch.optim.SGD(rounded.parameters(), 0.5)
    losses = []
    for _ in range(20):
        loss = F.cross_entropy(rounded.train()(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.01
    other = FakeQuantized(network, inputs[:2], SCHEMES["u8s8"])
    other.load_state_dict(copy.deepcopy(rounded.state_dict()))
    assert torch.equal(other.eval()(inputs), rounded.eval()(inputs))


def test_the_twin_with_integer_weights_answers_the_same(rounded: FakeQuantized, inputs: torch.Tensor):
    twin = rounded.converted()
    assert torch.equal(twin(inputs), rounded.eval()(inputs))
    kinds = [each.dtype for each in twin.state_dict().values()]
    assert kinds.count(torch.int8) == 2


def test_the_twin_has_the_weights_of_the_last_step(rounded: FakeQuantized, inputs: torch.Tensor):
    with torch.no_grad():
        for weights in rounded.parameters():
            weights *= 2
    twin = rounded.converted()
    assert torch.equal(twin(inputs), rounded.eval()(inputs))


@pytest.mark.parametrize("name", ["u8s8", "u8s7"])
def test_a_reduced_range_keeps_weights_to_7_bits(name: str, network: nn.Module, inputs: torch.Tensor):
    rounded = FakeQuantized(network, inputs[:2], SCHEMES[name])
    rounded.calibrate([inputs])
    weights = [each for each in rounded.converted().state_dict().values() if each.dtype == torch.int8]
    assert max(int(each.abs().max()) for each in weights) == (64 if name == "u8s7" else 127)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cell(x)[0][:, -1])


class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x) if x.sum() > 0 else self.head(-x)


@pytest.mark.parametrize(
    ("made", "shape", "said"),
    [
        (Recurrent, (2, 5, 4), '"cell" is a recurrent layer'),
        (nn.Identity, (2, 4), "a Identity has nothing to train for 8 bits"),
        (Deciding, (2, 4), "torch.export cannot capture a Deciding: .*decides by a tensor's value"),
    ],
    ids=["recurrent", "empty", "deciding"],
)
def test_what_cannot_be_trained_in_8_bits_is_refused(made: type[nn.Module], shape: tuple[int, ...], said: str):
    with pytest.raises(ModelError, match=said) as caught:
        FakeQuantized(made(), torch.zeros(shape), SCHEMES["u8s8"])
    assert caught.value.hint == "quantize it after training: method: static"
