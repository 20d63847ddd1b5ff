from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from edgekit.compression import importance, pruning, targets, widths
from edgekit.errors import ModelError


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.inner = nn.Sequential(nn.Conv2d(8, 12, 3, padding=1), nn.PReLU(12), nn.Conv2d(12, 8, 1))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        return self.head((x + self.inner(x)).mean((2, 3)))


class Depthwise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8),
            nn.ReLU(), nn.Conv2d(8, 16, 1), nn.Flatten(), nn.Linear(64, 3),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


class Own(nn.Linear):
    """A layer of the user's own kind."""


class Features(nn.Module):
    """Linear layers, a norm of them, and a parameter that belongs to no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Own(36, 16)
        self.offset = nn.Parameter(torch.randn(1, 16))
        self.norm = nn.LayerNorm(16)
        self.second = nn.Linear(16, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x.flatten(1)) + self.offset))
        return self.head(torch.relu(self.second(x)))


NETWORKS = [Residual, Depthwise, Features]
EXAMPLE = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def pruned(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    network = kind().eval()
    score = importance.score("magnitude", network, [], torch.sum, 0)
    pruning.prune(network, EXAMPLE, targets.uniform(0.5, 4), score)
    return network


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_fresh_network_with_the_widths_and_the_weights_answers_identically(kind):
    network = pruned(kind)
    recorded = widths.changed(widths.read(kind()), widths.read(network))
    fresh = kind()
    widths.restore(fresh, json.loads(json.dumps(recorded)), network.state_dict())
    with torch.inference_mode():
        assert torch.equal(fresh.eval()(EXAMPLE), network(EXAMPLE))
    assert widths.read(fresh) == widths.read(network)


def test_a_restored_network_is_trained_as_the_fresh_one_would_be():
    network, fresh = pruned(Features), Features()
    fresh.first.weight.requires_grad_(False)
    widths.restore(fresh, widths.changed(widths.read(fresh), widths.read(network)), network.state_dict())
    fresh(EXAMPLE).sum().backward()
    assert [name for name, value in fresh.named_parameters() if value.grad is None] == ["first.weight"]
    assert fresh.first.out_features == 8


def test_only_what_changed_is_recorded():
    recorded = widths.changed(widths.read(Residual()), widths.read(pruned(Residual)))
    assert recorded["stem"] == {"out_channels": 4, "weight": [4, 1, 3, 3], "bias": [4]}
    assert recorded["norm"]["num_features"] == 4
    assert recorded["head"] == {"in_features": 4, "weight": [3, 4]}
    assert "" not in recorded
    assert widths.changed(widths.read(Residual()), widths.read(Residual())) == {}


def test_whole_numbers_are_sizes_and_truths_are_not():
    layer = nn.Conv2d(1, 4, 3, bias=False)
    layer.shortcut = True
    said = widths.read(layer)[""]
    assert said["out_channels"] == 4
    assert said["kernel_size"] == [3, 3]
    assert said["weight"] == [4, 1, 3, 3]
    assert "shortcut" not in said
    assert "training" not in said


def test_a_network_that_was_not_pruned_needs_no_widths():
    one, other = Residual().eval(), Residual().eval()
    widths.restore(other, {}, one.state_dict())
    assert torch.equal(one(EXAMPLE), other(EXAMPLE))


def test_widths_of_another_network_are_an_error_that_names_the_layer():
    with pytest.raises(ModelError, match='a layer "tail", which this network does not have'):
        widths.restore(Residual(), {"tail": {"out_channels": 4}}, Residual().state_dict())


def test_weights_that_do_not_fit_are_listed_by_what_is_wrong():
    state = Residual().state_dict()
    state["extra.weight"] = state.pop("head.bias")
    state["stem.weight"] = state["stem.weight"][:4]
    with pytest.raises(ModelError) as caught:
        widths.fit(Residual(), state, 'the weights in "a.safetensors"')
    said = str(caught.value)
    assert said.startswith('the weights in "a.safetensors" do not fit the network: ')
    assert '"head.bias" is missing' in said
    assert '"extra.weight" is not in the network' in said
    assert '"stem.weight" is [4, 1, 3, 3], the network\'s is [8, 1, 3, 3]' in said
    assert caught.value.hint


def test_weights_of_another_pruning_do_not_fit_either():
    network = pruned(Residual)
    recorded = widths.changed(widths.read(Residual()), widths.read(network))
    with pytest.raises(ModelError, match="do not fit"):
        widths.restore(Residual(), recorded, Residual().state_dict())


def test_many_faults_are_counted_and_not_all_listed():
    with pytest.raises(ModelError, match=r"in all 14 missing$"):
        widths.fit(Residual(), {})


def test_weights_that_do_not_fit_leave_the_network_as_it_was():
    network = Residual()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = {name: value + 1 for name, value in before.items()} | {"extra": torch.zeros(1)}
    with pytest.raises(ModelError):
        widths.fit(network, state)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
