"""Where a compression pays: the time of every layer of a model before and after it, in one table.

A layer is what its weights are named after, and the files of both models have those names. Where the runtime lays
weights out anew they lose them: then what a node makes tells the layer. Only layers that multiply are told apart.
Imports graph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgekit.graph import storage, tensors
from edgekit.measuring import nodes, profile

if TYPE_CHECKING:
    import onnx

_SECONDS = 0.3  # for each of the two models
_AROUND = ("QuantizeLinear", "DequantizeLinear")


def by_layer(
    before: Path, after: Path, feeds: Mapping[str, Any], threads: int = 1, seconds: float = _SECONDS
) -> list[dict[str, Any]]:
    """Profile two models on the cpu, on the same `feeds`, and return a row for each layer in the order it is run.

    Each {"layer", "nodes", "before_us", "after_us", "int8"}: "nodes" are the names in `before` of those that use the
    layer's weights, "int8" whether `after` multiplies it in 8 bits; a time is None where a model has no such layer. The
    last row, whose "layer" is None, is all else, so that each column adds up to the model's median time. Empty where no
    layer is in both, so that there is nothing to compare.
    """
    old, new = (
        _times(path, profile.profile(path, feeds, threads=threads, seconds=seconds)) for path in (before, after)
    )
    if not old.layers.keys() & new.layers.keys():
        return []
    order = list(old.named)
    rows: list[dict[str, Any]] = [
        {
            "layer": layer,
            "nodes": old.named.get(layer, []),
            "before_us": old.layers[layer].us if layer in old.layers else None,
            "after_us": new.layers[layer].us if layer in new.layers else None,
            "int8": layer in new.layers and new.layers[layer].int8,
        }
        for layer in sorted({**old.layers, **new.layers}, key=lambda at: order.index(at) if at in order else len(order))
    ]
    return [*rows, {"layer": None, "nodes": [], "before_us": old.rest_us, "after_us": new.rest_us, "int8": False}]


class _Layer(NamedTuple):
    us: float = 0.0
    int8: bool = False


class _Times(NamedTuple):
    """What each layer of a model takes, and all else; and the nodes of each layer in the file, in its order."""

    layers: dict[str, _Layer]
    rest_us: float
    named: dict[str, list[str]]


def _times(path: Path, told: Mapping[str, Any]) -> _Times:
    """Add up the time of the nodes that multiply, by layer."""
    graph = storage.load(path, weights=False).graph
    layer_of = _layers(graph)
    makers = {name: node for node in graph.node for name in node.output}
    multiply = sorted((node for node in told["nodes"] if node["macs"]), key=lambda node: node["label"] in makers)
    found: dict[str, _Layer] = {}
    for node in multiply:
        layer = node["label"]
        if layer in makers:  # nothing but what it makes has a name of the file's
            layer = next((name for name in _behind(layer, makers, layer_of) if name not in found), layer)
        so_far = found.get(layer, _Layer())
        found[layer] = _Layer(so_far.us + node["us"], so_far.int8 or node["int8"])
    named: dict[str, list[str]] = {}
    for node in graph.node:
        if layer := layer_of.get(node.output[0]):
            named.setdefault(layer, []).append(node.name)
    return _Times(found, told["p50_us"] - sum(layer.us for layer in found.values()), named)


def _layers(graph: onnx.GraphProto) -> dict[str, str]:
    """Return the layer of each node that has weights of its own, by the name of its first output."""
    shaped = {constant.name: (constant.dtype, constant.shape) for constant in tensors.constants(graph)}
    kept = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    found = {}
    for node in graph.node:
        if node.op_type in _AROUND:
            continue
        own = type(node)(input=[kept[name] if kept.get(name) in shaped else name for name in node.input])
        if layer := nodes.layer(own, shaped, set(shaped)):
            found[node.output[0]] = layer
    return found


def _behind(value: str, makers: Mapping[str, onnx.NodeProto], layer_of: Mapping[str, str]) -> Iterator[str]:
    """Yield the layers that may have made `value`, the nearest first, as far as no other layer lies between."""
    waiting, seen = deque([value]), {value}
    while waiting:
        name = waiting.popleft()
        if layer := layer_of.get(name):
            yield layer
        elif name in makers:
            waiting += [each for each in makers[name].input if each not in seen]
            seen |= set(makers[name].input)
