"""Which nodes of a graph become 8-bit, which stay in float and why. Imports onnx only. The reasons: quantization.py."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx
from onnx import TensorProto

# What multiplies by constant weights: here 8 bits save time.
WEIGHTED = ("Conv", "Gemm", "MatMul")
# What moves or joins values that are 8-bit anyway, and has an 8-bit kernel: here 8 bits save going to float and back.
JOINING = (
    "Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "MaxPool", "Pad", "Relu", "Reshape",
    "Squeeze", "Transpose", "Unsqueeze",
)  # fmt: skip
FEWEST_CHANNELS = 4


class Selection:
    """The nodes to quantize, the weighted ones that stay in float with the reason, and answers to leave in float.

    `weighted`: the names of those chosen for their weights; the others only follow them.
    """

    def __init__(self) -> None:
        self.chosen: list[onnx.NodeProto] = []
        self.weighted: list[str] = []
        self.kept: dict[str, str] = {}
        self.float_answers: frozenset[str] = frozenset()

    def tensors(self) -> list[str]:
        """List the tensors whose ranges are needed."""
        names = dict.fromkeys(name for node in self.chosen for name in (*_values(node), node.output[0]))
        return [name for name in names if name not in self.float_answers]


def select(graph: onnx.GraphProto, exclude: Sequence[str] = ()) -> Selection:
    """Choose among the named nodes of `graph`; those in `exclude`, or fused from them, stay in float."""
    selection = Selection()
    weights = {tensor.name: tensor for tensor in graph.initializer}
    weighted = selection.weighted
    for node in graph.node:
        if node.op_type in WEIGHTED:
            reason = _objection(node, weights, exclude)
            if reason:
                selection.kept[node.name] = reason
            else:
                weighted.append(node.name)

    followed: set[str] = set()  # tensors that a weighted node further on depends on
    for node in reversed(graph.node):
        if node.name in weighted or not followed.isdisjoint(node.output):
            followed.update(node.input)
    integers = {name for node in graph.node if node.name in weighted for name in (node.input[0], node.output[0])}
    for node in graph.node:
        if node.name in weighted:
            selection.chosen.append(node)
        elif node.op_type in JOINING and not _excluded(node.name, exclude) and followed & set(node.output):
            values = [name for name in _values(node) if name not in weights]
            if values and integers.issuperset(values):
                selection.chosen.append(node)
                integers.update(node.output)

    read = {name for node in selection.chosen for name in _values(node)}
    selection.float_answers = frozenset(
        node.output[0] for node in selection.chosen if node.op_type in ("Gemm", "MatMul") and node.output[0] not in read
    )
    return selection


def _objection(node: onnx.NodeProto, weights: dict[str, TensorProto], exclude: Sequence[str]) -> str | None:
    if _excluded(node.name, exclude):
        return "excluded"
    constants = [weights.get(name) for name in node.input[1:] if name]
    if any(constant is None for constant in constants):
        return "its weights are no constants"
    if any(constant.data_type != TensorProto.FLOAT for constant in constants if constant):
        return "its weights are not float32"
    weight = weights[node.input[1]]
    grouped = any(attribute.name == "group" and attribute.i > 1 for attribute in node.attribute)
    if node.op_type == "Conv" and not grouped and weight.dims[1] < FEWEST_CHANNELS:
        return f"it has fewer than {FEWEST_CHANNELS} input channels"
    return None


def _excluded(name: str, exclude: Iterable[str]) -> bool:
    # A node that onnxruntime fused from others carries the first one's name, a slash, and what was done.
    return any(name == one or name.startswith(f"{one}/") for one in exclude)


def _values(node: onnx.NodeProto) -> Sequence[str]:
    """Give the inputs that are values, not weights, sizes or limits."""
    return list(node.input) if node.op_type in ("Add", "Concat") else list(node.input[:1])
