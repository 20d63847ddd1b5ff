from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

import edgekit
from edgekit import modelfile
from edgekit.compression import importance, pruning, targets, widths
from edgekit.errors import ModelError

RESNET = Path(edgekit.__file__).parents[1] / "models" / "resnet.py"
EXAMPLE = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def resnet(width: int = 16) -> nn.Module:
    torch.manual_seed(0)
    return modelfile.build(RESNET, {"depth": 8, "width": width, "classes": 7})


def cut(network: nn.Module, example: torch.Tensor, ratio: float, round_to: int | None) -> dict[str, int]:
    score = importance.score("magnitude", network, [], torch.sum, 0)
    return pruning.prune(network, example, targets.uniform(ratio, round_to), score)


def channels(network: nn.Module) -> list[int]:
    return [layer.out_channels for layer in network.modules() if isinstance(layer, nn.Conv2d)]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("width", "ratio", "round_to", "expected"),
    [
        (16, 0.3, 4, {12, 24, 44}),  # 11.2, 22.4 and 44.8 of 16, 32 and 64, to the nearest four
        (16, 0.3, 1, {11, 22, 45}),
        (8, 0.5, 4, {4, 8, 16}),
        (8, 0.95, 4, {4}),  # one multiple stays
        (10, 0.3, 4, {8, 12, 28}),  # 10 was no multiple
    ],
    ids=["nearest multiple", "no rounding", "half", "nearly all", "odd width"],
)
def test_about_the_ratio_goes_and_a_multiple_stays(width, ratio, round_to, expected):
    network = resnet(width)
    before = count(network)
    cut(network, EXAMPLE, ratio, round_to)
    found = set(channels(network))
    assert all(number % round_to == 0 for number in found)
    assert found == expected
    assert count(network) < before
    assert network(EXAMPLE).shape == (2, 7)


def test_the_least_important_channels_go():
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    with torch.no_grad():
        for index in (1, 2, 4, 7):
            network[0].weight[index] *= 1e-3
            network[0].bias[index] *= 1e-3
            network[2].weight[:, index] *= 1e-3
    before = network(EXAMPLE[:, 0, 0, :3])
    cut(network, EXAMPLE[:, 0, 0, :3], 0.5, 1)
    assert network[0].out_features == 4
    torch.testing.assert_close(network(EXAMPLE[:, 0, 0, :3]), before, atol=1e-3, rtol=1e-2)


def test_the_same_network_is_always_pruned_alike():
    one, other = resnet(), resnet()
    for network in (one, other):
        cut(network, EXAMPLE, 0.5, 4)
    assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


class Grouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3)
        self.depthwise = nn.Conv2d(16, 16, 3, groups=16)
        self.grouped = nn.Conv2d(16, 32, 3, groups=2)
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        return self.head(self.grouped(self.depthwise(self.first(x)).relu()).mean((2, 3)))


def test_groups_stay_whole():
    network = Grouped()
    cut(network, EXAMPLE, 0.5, 4)
    assert network.depthwise.groups == network.depthwise.out_channels == network.first.out_channels
    assert network.grouped.groups == 2
    assert network.grouped.in_channels % 2 == network.grouped.out_channels % 4 == 0
    assert count(network) < count(Grouped())
    assert network(EXAMPLE).shape == (2, 3)


def test_a_pruned_network_can_be_pruned_again():
    network = resnet()
    cut(network, EXAMPLE, 0.5, 4)
    cut(network, EXAMPLE, 0.5, 4)
    assert set(channels(network)) == {4, 8, 16}


@pytest.mark.parametrize(
    ("network", "example"), [(nn.Linear(8, 3), EXAMPLE[:, 0, 0]), (resnet(4), EXAMPLE)], ids=["one layer", "too narrow"]
)
def test_a_ratio_that_removes_nothing_is_an_error(network, example):
    before = copy.deepcopy(network)
    cut(network, example, 0.1, 16)
    with pytest.raises(ModelError, match="removes nothing from this network") as caught:
        pruning.removed(before, network)
    assert caught.value.hint


def test_a_network_without_layers_to_prune_is_an_error():
    with pytest.raises(ModelError, match="no convolution or linear layer"):
        cut(nn.Sequential(nn.ReLU()), EXAMPLE, 0.5, 4)


class Beside(nn.Module):
    """The layer that runs last has no part in the output."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.beside = nn.Linear(8, 16), nn.Linear(8, 4)

    def forward(self, x):
        y = self.head(x)
        self.beside(x)
        return y


def test_a_network_whose_output_would_change_is_refused():
    with pytest.raises(ModelError, match=r"changed the network's output from \[2, 16\] to \[2, 8\]"):
        cut(Beside(), EXAMPLE[:, 0, 0], 0.5, 4)


class Constant(nn.Module):
    """A network that wrote one of its widths into its code."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.first(x).reshape(-1, 16))


def test_what_torch_pruning_cannot_do_is_told_with_its_reason():
    with pytest.raises(ModelError, match=r"torch-pruning cannot prune this network: RuntimeError: .*16") as caught:
        cut(Constant(), EXAMPLE[:, 0, 0], 0.5, 4)
    assert "prune stage" in caught.value.hint


def test_a_network_that_could_not_be_built_again_is_refused(monkeypatch):
    restore = widths.restore

    def forgets(network, recorded, state):
        restore(network, recorded, state)
        network[0].weight.data.zero_()

    monkeypatch.setattr(widths, "restore", forgets)
    network = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    with pytest.raises(ModelError, match="answers otherwise when it is built again"):
        cut(network, EXAMPLE[:, 0, 0], 0.5, 4)
