"""What a layer computes, in sizes: found by running a network, narrowed with its groups, and written as an ONNX graph.

What takes no weights is no layer here: what it costs is in proportion to the rest. torch; onnx inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from edgekit import extras
from edgekit.compression.groups import LAYERS, Group

_OPSET, _IR = 17, 8


class Layer(NamedTuple):
    """A layer's operator ("Conv", "ConvTranspose" or "Gemm") and sizes; `rows` is the batch, and all else that is rows.

    `spatial`: the sizes of the input behind its channels. `kernel`, `stride`, `padding`, `dilation`: one number each
    per spatial size; of a Gemm all these are empty.
    """

    operator: str
    rows: int
    inputs: int
    outputs: int
    groups: int = 1
    spatial: tuple[int, ...] = ()
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Name it in a table: "Conv 1 16>32 28x28 kernel 3x3 stride 2x2 ..."."""
        said = f"{self.operator} {self.rows} {self.inputs}>{self.outputs}"
        said += f" groups {self.groups}" if self.groups > 1 else ""
        for name in ("spatial", "kernel", "stride", "padding", "dilation"):
            if sizes := getattr(self, name):
                said += f" {name} {'x'.join(map(str, sizes))}"
        return said

    @property
    def extent(self) -> tuple[int, ...]:
        """The sizes of the output behind its channels."""
        taps = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)]
        sizes = list(zip(self.spatial, taps, self.stride, self.padding, strict=True))
        if self.operator == "ConvTranspose":
            return tuple((size - 1) * stride - 2 * pad + tap for size, tap, stride, pad in sizes)
        return tuple((size + 2 * pad - tap) // stride + 1 for size, tap, stride, pad in sizes)


def layers(network: nn.Module, example: torch.Tensor) -> dict[str, list[Layer]]:
    """Run `example` and return what every layer with weights computed, by its name: one for each time it ran.

    The projections of an attention stand for it: what it makes of them is no layer.
    """
    found: dict[str, list[Layer]] = {}
    hooks = [
        layer.register_forward_hook(
            lambda layer, given, answer, name=name: found.setdefault(name, []).append(_read(layer, given[0]))
        )
        for name, layer in network.named_modules()
        if isinstance(layer, (*LAYERS, nn.MultiheadAttention))
    ]
    try:
        with torch.inference_mode():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _read(layer: nn.Module, given: torch.Tensor) -> Layer:
    if isinstance(layer, nn.Linear):
        return Layer("Gemm", given.numel() // given.shape[-1], layer.in_features, layer.out_features)
    if isinstance(layer, nn.MultiheadAttention):
        return Layer("Gemm", given.numel() // given.shape[-1], layer.embed_dim, 4 * layer.embed_dim)
    assert isinstance(layer, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d)
    extent = given.shape[2:]
    padding = layer.padding
    if isinstance(padding, str):
        taps = zip(layer.kernel_size, layer.dilation, strict=True)
        padding = tuple(d * (k - 1) // 2 if padding == "same" else 0 for k, d in taps)
    return Layer(
        "ConvTranspose" if layer.transposed else "Conv",
        int(given.shape[0]), layer.in_channels, layer.out_channels, layer.groups,
        tuple(map(int, extent)), tuple(layer.kernel_size), tuple(layer.stride), tuple(padding), tuple(layer.dilation),
    )  # fmt: skip


def narrowed(
    found: Mapping[str, list[Layer]], groups: Iterable[Group], widths: Mapping[str, int]
) -> dict[str, list[Layer]]:
    """Return the layers as they are when each of `groups` keeps no more than `widths` says."""
    gone: dict[tuple[str, str], float] = {}
    for group in groups:
        for place, each in group.reaches.items():
            gone[place] = gone.get(place, 0.0) + each * (group.channels - widths.get(group.name, group.channels))
    return {name: [_narrow(each, name, gone) for each in same] for name, same in found.items()}


def _narrow(layer: Layer, name: str, gone: Mapping[tuple[str, str], float]) -> Layer:
    less, fewer = (round(gone.get((name, side), 0.0)) for side in ("in", "out"))
    depthwise = layer.groups == layer.inputs > 1
    groups = layer.groups - less if depthwise else layer.groups
    return layer._replace(inputs=layer.inputs - less, outputs=layer.outputs - fewer, groups=groups)


def model(layer: Layer, times: int = 1) -> Any:
    """Write `layer` as an ONNX model of one input "x"; `times` in a row, where it gives as many channels as it has."""
    onnx = extras.need("onnx", "timing layers")
    helper = onnx.helper
    draw = np.random.default_rng(0)
    if layer.operator == "ConvTranspose":
        shape: tuple[int, ...] = (layer.inputs, layer.outputs // layer.groups, *layer.kernel)
    else:
        shape = (layer.outputs, layer.inputs // layer.groups, *layer.kernel)
    weights = draw.standard_normal(shape, dtype=np.float32) / np.float32(math.sqrt(math.prod(shape[1:])))
    bias = np.zeros(layer.outputs, np.float32)
    said: dict[str, Any] = {"transB": 1}
    if layer.operator != "Gemm":
        said = {"group": layer.groups, "kernel_shape": layer.kernel, "strides": layer.stride}
        said |= {"pads": layer.padding * 2, "dilations": layer.dilation}
    nodes = [
        helper.make_node(layer.operator, [f"x{at}" if at else "x", "w", "b"], [f"x{at + 1}"], **said)
        for at in range(times)
    ]
    size = [layer.rows, layer.inputs, *layer.spatial]
    taken = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, size)
    given = helper.make_tensor_value_info(f"x{times}", onnx.TensorProto.FLOAT, None)
    constants = [onnx.numpy_helper.from_array(each, name) for name, each in (("w", weights), ("b", bias))]
    graph = helper.make_graph(nodes, "layer", [taken], [given], constants)
    return helper.make_model(graph, ir_version=_IR, opset_imports=[helper.make_opsetid("", _OPSET)])


def passage(rows: int, channels: int, spatial: tuple[int, ...]) -> Layer:
    """Return the cheapest convolution there is: each channel alone, one weight each."""
    one = (1,) * len(spatial)
    return Layer("Conv", rows, channels, channels, channels, spatial, one, one, (0,) * len(spatial), one)
