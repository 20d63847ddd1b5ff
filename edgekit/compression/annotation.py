"""Which values of a captured network become 8-bit while it trains, and of which kind. torchao waits inside functions.

The rules are those of `graph/selection.py`, read off a graph of PyTorch's operators: convolutions and products with
weights of their own, between them what only moves or joins values that are 8-bit anyway. What is cut off by a ReLU or
clamp right behind is one value with it, and a product that no 8-bit node reads (the logits) answers in float.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule, Node

from edgekit.graph.schemes import Scheme
from edgekit.graph.selection import FEWEST_CHANNELS

_aten = torch.ops.aten
_CONVOLUTIONS = (_aten.conv1d.default, _aten.conv2d.default)
_PRODUCTS = (_aten.linear.default,)
_CUTTING = (
    _aten.relu.default,
    _aten.relu_.default,
    _aten.hardtanh.default,
    _aten.hardtanh_.default,
    _aten.clamp.default,
)
# What only moves values keeps their scale; what joins or averages them gets one of its own.
_MOVING = (
    _aten.max_pool2d.default, _aten.flatten.using_ints, _aten.view.default, _aten.reshape.default,
    _aten.permute.default, _aten.transpose.int, _aten.squeeze.dim, _aten.squeeze.dims, _aten.unsqueeze.default,
)  # fmt: skip
_JOINING = (
    _aten.add.Tensor, _aten.add_.Tensor, _aten.cat.default, _aten.avg_pool2d.default,
    _aten.adaptive_avg_pool2d.default,
)  # fmt: skip
_FOLLOW = 0.01  # how much of a batch's range a value's range takes over at each step


@dataclass(frozen=True)
class Choice:
    """The nodes that become 8-bit: `layers` for their weights; `values` are those whose answers are rounded."""

    layers: tuple[Node, ...]
    values: tuple[Node, ...]


def choose(program: GraphModule) -> Choice:
    """Choose among the nodes of a captured network."""
    layers = [node for node in program.graph.nodes if _is_layer(program, node)]
    followed: set[Node] = set()  # what a layer further on depends on
    for node in reversed(program.graph.nodes):
        if node in layers or node in followed:
            followed.update(node.all_input_nodes)
    chosen = set(layers)
    eight = {value for node in layers for value in (node, _read(node)[0])}
    for node in program.graph.nodes:
        if node.target in (*_CUTTING, *_MOVING, *_JOINING) and node in followed and eight.issuperset(_read(node)):
            chosen.add(node)
            eight.add(node)
    values = []
    for node in program.graph.nodes:
        readers = list(node.users)
        if node not in eight or (len(readers) == 1 and readers[0].target in _CUTTING and readers[0] in chosen):
            continue
        if node.target not in _PRODUCTS or chosen.intersection(readers):
            values.append(node)
    return Choice(tuple(layers), tuple(values))


def _is_layer(program: GraphModule, node: Node) -> bool:
    """Whether `node` multiplies by weights of its own, enough of them to gain by 8 bits."""
    if node.target not in (*_CONVOLUTIONS, *_PRODUCTS):
        return False
    weights = node.args[1]
    if not isinstance(weights, Node) or weights.op != "get_attr" or weights.meta["val"].dtype != torch.float32:
        return False
    groups = node.args[6] if len(node.args) > 6 else 1
    return bool(node.target in _PRODUCTS or groups != 1 or weights.meta["val"].shape[1] >= FEWEST_CHANNELS)


def _read(node: Node) -> list[Node]:
    """List the values that a node reads, without its weights."""
    return [each for each in node.all_input_nodes if each.op != "get_attr"]


class Quantizer:
    """What torchao asks where to round: it writes the choice into the nodes of a graph, as annotations."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme

    def transform_for_annotation(self, model: GraphModule) -> GraphModule:
        """Leave the graph as it is."""
        return model

    def annotate(self, model: GraphModule) -> GraphModule:
        """Write into each chosen node how its weights and its answer are rounded."""
        from torchao.quantization.pt2e.quantizer import QuantizationAnnotation, SharedQuantizationSpec
        from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

        choice = choose(model)
        activations, weights = _activations(), _weights(self.scheme)
        for node in {*choice.layers, *choice.values}:
            said = QuantizationAnnotation(_annotated=True)
            if node in choice.layers:
                said.input_qspec_map = {node.args[1]: weights}
            if node in choice.values:
                before = _read(node)[:1] if node.target in _MOVING else []
                said.output_qspec = SharedQuantizationSpec(before[0]) if before else activations
            node.meta[Q_ANNOTATION_KEY] = said
        return model

    def validate(self, model: GraphModule) -> None:
        """Find nothing wrong: what is chosen can be rounded."""

    def prepare_obs_or_fq_callback(self, model: GraphModule, edge_or_node_to_obs_or_fq: dict[Any, Any]) -> None:
        """Leave what rounds as it is."""


def _activations() -> Any:
    """Say how values are rounded: uint8, one scale, its range following what is seen."""
    from torchao.quantization.pt2e import FakeQuantize, MovingAverageMinMaxObserver
    from torchao.quantization.pt2e.quantizer import QuantizationSpec

    rounding = FakeQuantize.with_args(observer=MovingAverageMinMaxObserver, averaging_constant=_FOLLOW)
    return QuantizationSpec(torch.uint8, rounding, 0, 255, torch.per_tensor_affine)


def _weights(scheme: Scheme) -> Any:
    """Say how weights are rounded: int8 around 0, as wide as they are at every step."""
    from torchao.quantization.pt2e import FakeQuantize, MovingAverageMinMaxObserver
    from torchao.quantization.pt2e import MovingAveragePerChannelMinMaxObserver as ByChannel
    from torchao.quantization.pt2e.quantizer import QuantizationSpec

    most = 64 if scheme.reduce_range else 127
    kind = torch.per_channel_symmetric if scheme.per_channel else torch.per_tensor_symmetric
    observer = ByChannel if scheme.per_channel else MovingAverageMinMaxObserver
    rounding = FakeQuantize.with_args(observer=observer, averaging_constant=1.0)
    return QuantizationSpec(torch.int8, rounding, -most, most, kind, 0 if scheme.per_channel else None)
