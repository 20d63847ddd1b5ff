from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from edgekit.compression import annotation
from edgekit.compression.annotation import Quantizer, choose
from edgekit.graph.schemes import SCHEMES


class Branches(nn.Module):
    """A stem on one channel, a residual block, pooling, and a linear layer behind a flattened value."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.inner = nn.Conv2d(8, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.head = nn.Linear(32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(self.inner(x) + x)
        x = F.max_pool2d(F.relu(self.depthwise(x)), 2)
        return self.head(torch.flatten(x, 1))


class Gated(nn.Module):
    """What is multiplied stays in float, and so does what is only read there."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(8, 16), nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(self.up(x) * torch.sigmoid(self.gate(x)))


def captured(network: nn.Module, example: torch.Tensor) -> torch.fx.GraphModule:
    program = torch.export.export(network.eval(), (example,)).module(check_guards=False)
    assert isinstance(program, torch.fx.GraphModule)
    return program


@pytest.mark.parametrize(
    ("network", "example", "layers", "values"),
    [
        (
            Branches(),
            torch.zeros(2, 1, 4, 4),
            ["conv2d_1", "conv2d_2", "linear"],
            ["relu", "conv2d_1", "relu_1", "relu_2", "max_pool2d", "flatten"],
        ),
        (Gated(), torch.zeros(2, 8), ["linear", "linear_1", "linear_2"], ["x", "mul"]),
    ],
    ids=["convolutions", "products"],
)
def test_layers_become_8_bit_and_what_joins_them(
    network: nn.Module, example: torch.Tensor, layers: list[str], values: list[str]
):
    choice = choose(captured(network, example))
    assert [node.name for node in choice.layers] == layers, "the stem has one channel alone"
    assert [node.name for node in choice.values] == values, "what a ReLU cuts off is rounded behind it; logits are not"


@pytest.mark.parametrize(("name", "most"), [("u8s8", 127), ("u8s7", 64)])
def test_weights_are_rounded_in_the_range_of_the_scheme(name: str, most: int):
    spec = annotation._weights(SCHEMES[name])
    assert (spec.quant_min, spec.quant_max, spec.ch_axis) == (-most, most, 0)
    assert annotation._weights(SCHEMES[name]._replace(per_channel=False)).ch_axis is None


def test_what_is_only_moved_keeps_its_scale():
    program = captured(Branches(), torch.zeros(2, 1, 4, 4))
    Quantizer(SCHEMES["u8s8"]).annotate(program)
    said = {node.name: node.meta.get("quantization_annotation") for node in program.graph.nodes}
    before = {node.name: node for node in program.graph.nodes}
    assert said["max_pool2d"].output_qspec.edge_or_node is before["relu_2"]
    assert said["flatten"].output_qspec.edge_or_node is before["max_pool2d"]
    assert said["conv2d"] is None and said["linear"].output_qspec is None
