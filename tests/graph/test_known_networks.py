"""Whole networks, against the figures that were published of them."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

from edgekit.graph.inspection import inspect


class Network:
    """A graph that is built layer by layer; its weights have shapes and no values, for nothing else is read."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[TensorProto] = []

    def weight(self, *shape: int) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape))
        return name

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def conv(self, x: str, before: int, after: int, side: int, stride: int = 1, groups: int = 1) -> str:
        weight, pads = self.weight(after, before // groups, side, side), [side // 2] * 4
        return self.node("Conv", x, weight, strides=[stride, stride], pads=pads, group=groups)

    def classifier(self, x: str, channels: int) -> onnx.ModelProto:
        flat = self.node("Flatten", self.node("GlobalAveragePool", x))
        answer = self.node("Gemm", flat, self.weight(1000, channels), self.weight(1000), transB=1)
        feed = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 224, 224])
        logits = helper.make_tensor_value_info(answer, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "network", [feed], [logits], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def test_resnet_18_makes_1814_million_macs() -> None:
    """1.814 G and 11.69 M parameters, the 9.6 K of its normalisation included (torchvision)."""
    net = Network()
    x = net.node("MaxPool", net.conv("image", 3, 64, 7, 2), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    width = 64
    for after, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            inner = net.conv(net.conv(x, width, after, 3, stride), after, after, 3)
            x = net.node("Add", inner, x if width == after else net.conv(x, width, after, 1, stride))
            width = after
    found = inspect(net.classifier(x, 512))
    assert found.macs == 1_814_073_344
    assert found.parameters == 11_689_512 - 9_600


def test_mobilenet_v2_makes_301_million_macs() -> None:
    """300.8 M and 3.505 M parameters, the 34 K of its normalisation included (torchvision)."""
    net = Network()
    x, width = net.conv("image", 3, 32, 3, 2), 32
    blocks = (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
    for expansion, after, count, first in blocks:
        for index in range(count):
            wide = width * expansion
            inner = net.conv(x, width, wide, 1) if expansion > 1 else x
            inner = net.conv(net.conv(inner, wide, wide, 3, 1 if index else first, wide), wide, after, 1)
            x = net.node("Add", x, inner) if index else inner
            width = after
    found = inspect(net.classifier(net.conv(x, 320, 1280, 1), 1280))
    assert found.macs == 300_774_272
    assert found.parameters == 3_504_872 - 34_112
