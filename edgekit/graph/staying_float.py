"""Keeps a layer in float that onnxruntime would quantize on its own, by the poorest of ways. Imports onnx.

Where a Conv or Gemm with float weights reads what a DequantizeLinear of one scale gives, onnxruntime (seen in 1.32,
its WeightBiasQuantization) turns the weights into int8 with one scale for all channels while it loads the model. What
was left in float to save its accuracy then has less of it than before: on EfficientNet-Lite0 the divergence of the
answers rose from 0.050 to 0.119 with one depthwise layer in float. A scale for each channel, all the same, prevents it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper, numpy_helper

_CHANNELS = 1  # the axis of an activation that has a scale each


def keep(model: onnx.ModelProto, layers: Iterable[str]) -> None:
    """Give each Conv and Gemm of `layers` a DequantizeLinear of its own, by channel; changes `model` in place."""
    graph = model.graph
    makers = {node.output[0]: node for node in graph.node}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    readers = Counter(name for node in graph.node for name in node.input)
    wanted = set(layers)
    for node in [each for each in graph.node if each.name in wanted and each.op_type in ("Conv", "Gemm")]:
        before = makers.get(node.input[0])
        weights = constants.get(node.input[1])
        if before is None or before.op_type != "DequantizeLinear" or weights is None:
            continue
        scale, zero = (numpy_helper.to_array(constants[name]) for name in before.input[1:3])
        if scale.size > 1:
            continue
        names = [f"{node.name}_{what}_by_channel" for what in ("scale", "zero_point", "input")]
        channels = _channels(node, weights)
        graph.initializer.append(numpy_helper.from_array(np.full(channels, scale, scale.dtype), names[0]))
        graph.initializer.append(numpy_helper.from_array(np.full(channels, zero, zero.dtype), names[1]))
        own = helper.make_node(
            "DequantizeLinear", [before.input[0], *names[:2]], names[2:], name=f"{node.name}_dequantize", axis=_CHANNELS
        )
        readers[node.input[0]] -= 1
        node.input[0] = names[2]
        place = list(graph.node).index(before)
        graph.node.insert(place + 1, own)
        if not readers[before.output[0]]:
            del graph.node[place]


def _channels(node: onnx.NodeProto, weights: onnx.TensorProto) -> int:
    """Return how many channels the input of a layer has."""
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type == "Conv":
        return int(weights.dims[1]) * int(settings.get("group", 1))
    return int(weights.dims[1 if settings.get("transB") else 0])
