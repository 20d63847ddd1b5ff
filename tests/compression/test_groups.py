from __future__ import annotations

import copy
import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgekit.compression import heads, importance, layers, pruning, targets, widths
from edgekit.compression.groups import Channels
from edgekit.errors import ModelError

EXAMPLE = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
NUMBERS = EXAMPLE.flatten(1)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.wide, self.back = nn.Conv2d(16, 24, 3, padding=1), nn.Conv2d(24, 16, 1)
        self.head = nn.Linear(16 * 64, 3)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        return self.head((x + self.back(self.wide(x).relu())).flatten(1))


class Depthwise(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.Conv2d(16, 16, 3, groups=16), nn.ReLU(),
            nn.Conv2d(16, 32, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3),
        )  # fmt: skip


class Grouped(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3, groups=4), nn.GroupNorm(2, 32), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3),
        )  # fmt: skip


class Dense(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Flatten(), nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3)
        )


class Transformer(nn.Module):
    """A block of its own heads, split as "reshape" or as "chunk", or PyTorch's."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way
        self.embed = nn.Conv2d(1, 32, 4, 4)
        self.position = nn.Parameter(torch.randn(1, 4, 32))
        self.norm1, self.norm2 = nn.LayerNorm(32), nn.LayerNorm(32)
        if way == "torch":
            self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        else:
            self.qkv, self.project = nn.Linear(32, 96), nn.Linear(32, 32)
        self.up, self.down = nn.Linear(32, 64), nn.Linear(64, 32)
        self.head = nn.Linear(32, 3)

    def attend(self, x):
        if self.way == "torch":
            return self.attention(x, x, x, need_weights=False)[0]
        b, n = x.shape[:2]
        if self.way == "reshape":
            q, k, v = self.qkv(x).reshape(b, n, 3, 4, 8).permute(2, 0, 3, 1, 4).unbind(0)
        else:
            q, k, v = (part.view(b, n, 4, 8).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        return self.project(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, -1))

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2) + self.position
        x = x + self.attend(self.norm1(x))
        x = x + self.down(F.gelu(self.up(self.norm2(x))))
        return self.head(x.mean(1))


NETWORKS = {
    "residual": Residual,
    "depthwise": Depthwise,
    "grouped": Grouped,
    "dense": Dense,
    "torch's attention": lambda: Transformer("torch"),
    "reshaped heads": lambda: Transformer("reshape"),
    "chunked heads": lambda: Transformer("chunk"),
}


def score(network: nn.Module) -> importance.Score:
    return importance.score("magnitude", network, [], lambda batch, outputs: outputs.sum(), 0)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_pruned_network_has_the_asked_widths_and_is_built_again_from_them(kind):
    torch.manual_seed(0)
    network, fresh = NETWORKS[kind]().eval(), NETWORKS[kind]()
    before, found = copy.deepcopy(network), layers.layers(network, EXAMPLE)
    groups = Channels(before, EXAMPLE, score(before)).groups
    kept = pruning.prune(network, EXAMPLE, targets.uniform(0.5, 4), score(network))
    assert kept == {group.name: group.channels // 2 for group in groups}
    assert network(EXAMPLE).shape == (2, 3)
    # Every layer has become what its groups say: what a time is predicted from.
    assert layers.layers(network, EXAMPLE) == layers.narrowed(found, groups, kept)
    recorded = json.loads(json.dumps(pruning.removed(before, network)))
    widths.restore(fresh, recorded, network.state_dict())
    assert torch.equal(fresh.eval()(EXAMPLE), network(EXAMPLE))
    network.train()
    network(EXAMPLE).sum().backward()


@pytest.mark.parametrize("way", ["reshape", "chunk"])
def test_heads_stay_whole(way):
    network = Transformer(way).eval()
    assert heads.split(network, EXAMPLE) == [network.qkv]
    pruning.prune(network, EXAMPLE, targets.uniform(0.5, 4), score(network))
    assert (network.qkv.in_features, network.qkv.out_features) == (16, 96)
    assert (network.project.in_features, network.project.out_features) == (32, 16)
    assert (network.up.in_features, network.up.out_features) == (16, 32)


def test_a_linear_layer_whose_outputs_keep_their_last_dimension_has_no_heads():
    class Folding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.head = nn.Linear(8, 16), nn.Linear(16, 3)

        def forward(self, x):
            return self.head(self.first(x).reshape(-1, self.first.out_features)).reshape(2, 8, 3).mean(1)

    network = Folding().eval()
    assert heads.split(network, EXAMPLE[:, 0]) == []
    assert pruning.prune(network, EXAMPLE[:, 0], targets.uniform(0.5, 4), score(network)) == {"first": 8}


def test_of_several_steps_each_counts_from_the_first_network():
    before = Residual().eval()
    network = copy.deepcopy(before)
    for ratio in (0.25, 0.5):
        kept = pruning.prune(network, EXAMPLE, targets.uniform(ratio, 4), score(network), before)
    assert kept == {"back": 8, "wide": 12}


def test_every_head_of_torchs_attention_loses_the_same():
    network = Transformer("torch").eval()
    (stream, hidden) = Channels(network, EXAMPLE, score(network)).groups
    assert (stream.parts, hidden.parts) == (4, 1)
    pruning.prune(network, EXAMPLE, targets.uniform(0.3, 1), score(network))
    assert network.attention.embed_dim == 24, "a multiple of the heads, though 22 is nearer"
    assert network.attention.head_dim == 6


def test_layers_of_one_group_are_removed_by_their_common_importance():
    """Of a sum's two sides neither may decide alone which channels go."""
    network = Residual().eval()
    with torch.no_grad():
        for index in range(0, 16, 2):
            for value in (network.stem.weight, network.norm.weight, network.back.weight):
                value[index] *= 1e-3
            network.wide.weight[:, index] *= 1e-3
            network.head.weight.view(3, 16, 64)[:, index] *= 1e-3
    expected = network.stem.weight[1::2].clone()
    pruning.prune(network, EXAMPLE, targets.uniform(0.5, 1), score(network))
    assert torch.equal(network.stem.weight, expected)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM, nn.GRUCell], ids=lambda kind: kind.__name__)
def test_a_recurrent_layer_is_refused_by_its_name(kind):
    network = nn.ModuleDict({"body": nn.Linear(4, 8), "memory": kind(8, 8)})
    with pytest.raises(ModelError, match=f'layer "memory" is recurrent \\({kind.__name__}\\)') as caught:
        pruning.check(network)
    assert "hidden size" in caught.value.hint


def test_nothing_recurrent_is_no_fault():
    pruning.check(Residual())
