"""Ten models of different kinds and sizes, made from seeds: what the tuning of session settings is tried on.

Written as ONNX graphs node by node, so that they are the same bytes everywhere; resnet and mobilenet have the layers of
those files in models/, batch normalisation folded into the convolutions as the export leaves them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgekit import files
from edgekit.manifest import FILE, MODEL, Manifest
from edgekit.signature import Tensor


class Graph:
    """An ONNX graph that grows at its end: each method adds an operator and returns the name of what it answers."""

    def __init__(self, *takes: int) -> None:
        self.takes = takes
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._draw = np.random.default_rng(0)
        self._names = (f"t{number}" for number in itertools.count())

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator."""
        self.nodes.append(helper.make_node(operator, inputs, [answer := next(self._names)], **attributes))
        return answer

    def weight(self, *shape: int) -> str:
        """Add weights that keep the size of what they are multiplied with."""
        fan = np.prod(shape[1:]) if len(shape) > 2 else shape[0]
        values = (self._draw.normal(size=shape) / np.sqrt(fan)).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name := next(self._names)))
        return name

    def constant(self, values: Any) -> str:
        """Add a constant."""
        self.weights.append(numpy_helper.from_array(np.array(values), name := next(self._names)))
        return name

    def conv(self, x: str, takes: int, gives: int, size: int = 3, stride: int = 1, group: int = 1) -> str:
        """Add a convolution with its bias, which keeps the image's size at stride 1."""
        kernel, bias = self.weight(gives, takes // group, size, size), self.constant(np.zeros(gives, np.float32))
        pads, strides = [size // 2] * 4, [stride, stride]
        return self.add("Conv", x, kernel, bias, pads=pads, strides=strides, group=group)

    def relu(self, x: str) -> str:
        """Add a ReLU."""
        return self.add("Relu", x)

    def dense(self, x: str, takes: int, gives: int) -> str:
        """Add a fully connected layer with its bias."""
        bias = self.constant(np.zeros(gives, np.float32))
        return self.add("Add", self.add("MatMul", x, self.weight(takes, gives)), bias)

    def head(self, x: str, channels: int) -> str:
        """Add what makes ten logits of an image."""
        return self.dense(self.add("Flatten", self.add("GlobalAveragePool", x)), channels, 10)

    def model(self, answer: str) -> onnx.ModelProto:
        """Give the model from x: float32[N,...] to y: float32[N,...]."""
        self.nodes.append(helper.make_node("Identity", [answer], ["y"]))
        kind = onnx.TensorProto.FLOAT
        x = helper.make_tensor_value_info("x", kind, ["N", *self.takes])
        graph = helper.make_graph(self.nodes, "g", [x], [helper.make_tensor_value_info("y", kind, None)], self.weights)
        opset = helper.make_opsetid("", 20)
        made = helper.make_model(graph, opset_imports=[opset], ir_version=10)
        return onnx.shape_inference.infer_shapes(made)


def dense(*widths: int) -> onnx.ModelProto:
    """Fully connected layers."""
    graph, x = Graph(widths[0]), "x"
    for takes, gives in itertools.pairwise(widths):
        x = graph.relu(graph.dense(x, takes, gives))
    return graph.model(x)


def resnet(width: int, size: int) -> onnx.ModelProto:
    """The ResNet-8 of models/resnet.py."""
    graph = Graph(1, size, size)
    x, takes = graph.relu(graph.conv("x", 1, width)), width
    for gives, stride in ((width, 1), (2 * width, 2), (4 * width, 2)):
        y = graph.conv(graph.relu(graph.conv(x, takes, gives, stride=stride)), gives, gives)
        beside = x if stride == 1 else graph.conv(x, takes, gives, size=1, stride=stride)
        x, takes = graph.relu(graph.add("Add", y, beside)), gives
    return graph.model(graph.head(x, takes))


def mobilenet(stem: int, size: int, blocks: tuple[tuple[int, int], ...]) -> onnx.ModelProto:
    """The depthwise separable network of models/mobilenet.py."""
    graph = Graph(1, size, size)
    x, takes = graph.relu(graph.conv("x", 1, stem, size=5, stride=2)), stem
    for gives, stride in blocks:
        y = graph.conv(graph.relu(graph.conv(x, takes, takes, stride=stride, group=takes)), takes, gives, size=1)
        x, takes = graph.relu(graph.add("Add", y, x) if stride == 1 and takes == gives else y), gives
    return graph.model(graph.head(x, takes))


def convolutions(channels: int, size: int, layers: int) -> onnx.ModelProto:
    """Plain convolutions, one after the other."""
    graph = Graph(3, size, size)
    x, takes = "x", 3
    for _ in range(layers):
        x, takes = graph.relu(graph.conv(x, takes, channels)), channels
    return graph.model(graph.head(x, channels))


def branches(paths: int, channels: int, size: int) -> onnx.ModelProto:
    """Paths of convolutions that do not wait for each other, twice."""
    graph = Graph(channels, size, size)
    x = "x"
    for _ in range(2):
        ends = []
        for _ in range(paths):
            ends.append(graph.relu(graph.conv(graph.relu(graph.conv(x, channels, channels)), channels, channels)))
        x = graph.add("Sum", *ends)
    return graph.model(graph.head(x, channels))


def attention(length: int, width: int, layers: int) -> onnx.ModelProto:
    """The encoder of a transformer, with one head."""
    graph = Graph(length, width)
    x = "x"
    scale = graph.constant(np.float32(width**-0.5))
    ones, zeros = graph.constant(np.ones(width, np.float32)), graph.constant(np.zeros(width, np.float32))
    for _ in range(layers):
        query, key, value = (graph.dense(x, width, width) for _ in range(3))
        scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 2, 1]))
        mixed = graph.add("MatMul", graph.add("Softmax", graph.add("Mul", scores, scale), axis=-1), value)
        x = graph.add("LayerNormalization", graph.add("Add", x, graph.dense(mixed, width, width)), ones, zeros)
        y = graph.dense(graph.relu(graph.dense(x, width, 4 * width)), 4 * width, width)
        x = graph.add("LayerNormalization", graph.add("Add", x, y), ones, zeros)
    return graph.model(x)


def recurrent(length: int, width: int) -> onnx.ModelProto:
    """A GRU over a window of a time series, and what is told of its last step."""
    graph = Graph(length, width)
    weights, state = graph.weight(1, 3 * width, width), graph.weight(1, 3 * width, width)
    steps = graph.add("Transpose", "x", perm=[1, 0, 2])
    graph.nodes.append(helper.make_node("GRU", [steps, weights, state], ["", "last"], hidden_size=width))
    return graph.model(graph.dense(graph.add("Squeeze", "last", graph.constant(np.array([0]))), width, 10))


def eight_bit(*widths: int) -> onnx.ModelProto:
    """Fully connected layers with weights of 8 bits, whose inputs are quantized while they run."""
    graph, x = Graph(widths[0]), "x"
    draw = np.random.default_rng(0)
    for takes, gives in itertools.pairwise(widths):
        weights = graph.constant(draw.integers(-60, 60, (takes, gives), dtype=np.int8))
        names = [next(graph._names) for _ in range(3)]
        graph.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], names))
        sums = graph.add("Cast", graph.add("MatMulInteger", names[0], weights, names[2]), to=onnx.TensorProto.FLOAT)
        scaled = graph.add("Mul", sums, graph.add("Mul", names[1], graph.constant(np.float32(0.03 / takes**0.5))))
        x = graph.relu(scaled)
    return graph.model(x)


MODELS: dict[str, Callable[[], onnx.ModelProto]] = {
    "dense, 26 KB": lambda: dense(64, 64, 32, 10),
    "dense, 1 MB": lambda: dense(256, 384, 384, 10),
    "dense, 25 MB": lambda: dense(1024, 2048, 2048, 128),
    "dense, 8 bits": lambda: eight_bit(512, 1024, 1024, 64),
    "resnet": lambda: resnet(16, 28),
    "mobilenet": lambda: mobilenet(16, 28, ((32, 2), (32, 1), (64, 2))),
    "convolutions, large": lambda: convolutions(48, 96, 6),
    "branches": lambda: branches(4, 24, 20),
    "attention": lambda: attention(64, 128, 3),
    "recurrent": lambda: recurrent(48, 96),
}


def bundle(name: str, folder: Path) -> Path:
    """Make the bundle of a model in a new folder, and return it."""
    made = MODELS[name]()
    onnx.checker.check_model(made, full_check=True)
    folder.mkdir(parents=True)
    (folder / MODEL).write_bytes(made.SerializeToString())
    (given,), (answer,) = made.graph.input, made.graph.output
    tensors = []
    for value in (given, answer):
        dims = [dim.dim_param or str(dim.dim_value) for dim in value.type.tensor_type.shape.dim]
        tensors.append(Tensor.parse(f"{value.name}: float32[{','.join(dims)}]"))
    listed = {MODEL: {"sha256": files.sha256(folder / MODEL), "bytes": (folder / MODEL).stat().st_size}}
    card = Manifest(name, "features", tensors[:1], tensors[1:], files=listed)
    files.write_sealed(folder / FILE, card.to_dict())
    return folder
