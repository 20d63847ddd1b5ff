"""How many multiplications a node makes, from the shapes of its tensors. Imports onnx only.

One multiply-accumulate (MAC) is one multiplication and its addition. As is usual, biases, activations, normalisation
and element-wise work are not counted. Attention, Einsum and operators of other domains are not counted either, and
`uncounted` names them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import onnx

from edgekit.graph.tensors import Shape

Shapes = Callable[[str], Shape | None]
STANDARD_DOMAINS = ("", "ai.onnx")

# Operator -> positions of its data and of its weights among the inputs.
_CONVOLUTIONS = {"Conv": (0, 1), "ConvInteger": (0, 1), "QLinearConv": (0, 3)}
_PRODUCTS = {"MatMul": (0, 1), "MatMulInteger": (0, 1), "QLinearMatMul": (0, 3)}
_RECURRENT = ("GRU", "LSTM", "RNN")
_NEEDED = {
    **_CONVOLUTIONS,
    **_PRODUCTS,
    "ConvTranspose": (0, 1),
    "Gemm": (0, 1),
    **dict.fromkeys(_RECURRENT, (0, 1, 2)),
}


def uncounted(node: onnx.NodeProto) -> bool:
    """Tell whether a node does work that `count` does not see."""
    return node.domain not in STANDARD_DOMAINS or node.op_type in ("Attention", "Einsum")


def count(node: onnx.NodeProto, shapes: Shapes) -> int | None:
    """Count the MACs of one node; 0 where it makes none, None where a shape it takes to know is unknown."""
    operator = node.op_type
    if node.domain not in STANDARD_DOMAINS or operator not in _NEEDED:
        return 0
    known = [shapes(node.input[position]) for position in _NEEDED[operator]]
    answer = [shapes(name) for name in node.output[:1]] if operator not in _RECURRENT else []
    if any(shape is None or any(dim < 0 for dim in shape) for shape in known + answer):
        return None
    data, weights, *more = [shape for shape in known + answer if shape is not None]
    if operator in _CONVOLUTIONS:
        return math.prod(more[0]) * math.prod(weights[1:])
    if operator == "ConvTranspose":
        return math.prod(data) * math.prod(weights[1:])
    if operator == "Gemm":
        transposed = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
        return math.prod(more[0]) * data[0 if transposed else 1]
    if operator in _PRODUCTS:
        return math.prod(more[0]) * data[-1]
    # Recurrent: every step and sequence goes through all input and recurrent weights, of each direction.
    return data[0] * data[1] * (math.prod(weights) + math.prod(more[0]))
