"""How many multiplications a node makes, from the shapes of its tensors: one table. Imports onnx only.

One multiply-accumulate (MAC) is one multiplication and its addition. As is usual, biases, activations, normalisation,
pooling and element-wise work are not counted. What makes MACs and stands in no row is named by `uncounted`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import onnx

from edgekit.graph.tensors import MICROSOFT, STANDARD, Shape, domain_of
from edgekit.graph.twins import has_twin

Shapes = Callable[[str], Shape | None]
_BLOCKED = "com.microsoft.nchwc"  # onnxruntime's convolutions and pooling over channels in blocks


class _Rule(NamedTuple):
    """The inputs whose shapes are needed, whether the first output's is too (it comes last), and the formula.

    The formula raises ValueError for shapes the operator does not take, or that do not tell.
    """

    inputs: tuple[int, ...]
    formula: Callable[..., int]
    output: bool = False


def uncounted(node: onnx.NodeProto) -> bool:
    """Tell whether a node may do work that `count` does not see: it says 0 of it."""
    domain = domain_of(node)
    if (domain, node.op_type) in _RULES or has_twin(node):
        return False
    return domain not in (STANDARD, _BLOCKED) or node.op_type in (
        "CausalConvWithState",
        "DFT",
        "LinearAttention",
        "STFT",
    )


def count(node: onnx.NodeProto, shapes: Shapes) -> int | None:
    """Count the MACs of one node; 0 where it makes none, None where a shape it takes to know is unknown."""
    rule = _RULES.get((domain_of(node), node.op_type))
    if rule is None:
        return 0
    names = [node.input[position] if position < len(node.input) else "" for position in rule.inputs]
    names += node.output[:1] if rule.output else []
    known = [shapes(name) for name in names]
    if any(shape is None or any(dim < 0 for dim in shape) for shape in known):
        return None
    try:
        return rule.formula(node, *known)
    except (IndexError, ValueError, ZeroDivisionError):
        return None


def attribute(node: onnx.NodeProto, name: str, otherwise: Any = 0) -> Any:
    """Return the value of an attribute; `otherwise` where the node has none of that kind."""
    for each in node.attribute:
        if each.name == name:
            with contextlib.suppress(ValueError):  # a type onnx does not know
                value = onnx.helper.get_attribute_value(each)
                return value if isinstance(value, type(otherwise)) else otherwise
    return otherwise


def _convolution(_: onnx.NodeProto, weights: Shape, answer: Shape) -> int:
    return math.prod(answer) * math.prod(weights[1:])  # weights: [out, in / groups, kernel...]


def _transposed_convolution(_: onnx.NodeProto, data: Shape, weights: Shape) -> int:
    return math.prod(data) * math.prod(weights[1:])  # weights: [in, out / groups, kernel...]


def _gemm(node: onnx.NodeProto, a: Shape, b: Shape) -> int:
    rows, inner = reversed(a) if attribute(node, "transA") else a
    also, columns = reversed(b) if attribute(node, "transB") else b
    return rows * _same(inner, also) * columns


def _product(node: onnx.NodeProto, a: Shape, b: Shape) -> int:
    if attribute(node, "transBatchA") or attribute(node, "transBatchB"):
        raise ValueError("which of its dimensions are batches is not told")
    rows, inner = (1, a[0]) if len(a) == 1 else a[-2:]
    also, columns = (b[0], 1) if len(b) == 1 else b[-2:]
    if attribute(node, "transA"):
        rows, inner = inner, rows
    if attribute(node, "transB"):
        also, columns = columns, also
    return math.prod(_broadcast(a[:-2], b[:-2])) * rows * _same(inner, also) * columns


def _packed_product(node: onnx.NodeProto, a: Shape) -> int:
    if a[-1] != attribute(node, "K"):
        raise ValueError("the inner dimensions differ")
    return math.prod(a) * int(attribute(node, "N"))


def _recurrent(_: onnx.NodeProto, data: Shape, weights: Shape, recurrence: Shape) -> int:
    # Every step of every sequence goes through all input and recurrent weights, of each direction.
    steps, sequences, _width = data
    return steps * sequences * (math.prod(weights) + math.prod(recurrence))


def _einsum(node: onnx.NodeProto, a: Shape, b: Shape) -> int:
    terms = attribute(node, "equation", b"").decode().replace(" ", "").split("->")[0].split(",")
    if len(terms) != 2 or len(node.input) != 2:
        raise ValueError("of more than two, the order decides")
    sizes: dict[str | int, int] = {}
    for term, shape in zip(terms, (a, b), strict=True):
        first, dots, last = term.partition("...")
        batch = range(len(first) + len(last) - len(shape), 0) if dots else ()
        for label, size in zip([*first, *batch, *last], shape, strict=True):
            known = sizes.get(label, 1)
            sizes[label] = size if known == 1 else known if size == 1 else _same(size, known)
    return math.prod(sizes.values())


def _attention(node: onnx.NodeProto, query: Shape, key: Shape, value: Shape) -> int:
    """Count query by key, and what comes out by value; heads may be an axis, or lie within the last one."""
    _without(node, 4, 5)
    if len(query) == 4:
        batch, heads, steps, width = query
        return batch * heads * steps * key[2] * (width + value[3])
    batch, steps, width = query
    heads, shared = attribute(node, "q_num_heads"), attribute(node, "kv_num_heads")
    return int(batch * steps * key[1] * (width + value[2] // shared * heads))


def _multi_head_attention(node: onnx.NodeProto, query: Shape, key: Shape, value: Shape) -> int:
    _without(node, 6, 7)
    (batch, steps, width), (_, others, _), (_, _, out) = query, key, value
    return batch * steps * others * (width + out)


def _projected_attention(node: onnx.NodeProto, data: Shape, weights: Shape) -> int:
    """Count the projections to query, key and value, and then the attention."""
    _without(node, 8 if node.op_type == "QAttention" else 4)
    (batch, steps, width), (also, total) = data, weights
    query, _, value = attribute(node, "qkv_hidden_sizes", [total // 3] * 3)
    return int(batch * steps * (_same(width, also) * total + steps * (query + value)))


def _without(node: onnx.NodeProto, *positions: int) -> None:
    if any(node.input[position] for position in positions if position < len(node.input)):
        raise ValueError("how long the past is, is not told")


def _same(one: int, other: int) -> int:
    if one != other:
        raise ValueError(f"{one} and {other} do not fit")
    return one


def _broadcast(a: Shape, b: Shape) -> Shape:
    longest = max(len(a), len(b))
    pairs = zip((1,) * (longest - len(a)) + a, (1,) * (longest - len(b)) + b, strict=True)
    return tuple(one if other == 1 else other if one == 1 else _same(one, other) for one, other in pairs)


_RULES: dict[tuple[str, str], _Rule] = {
    **dict.fromkeys(
        [
            (STANDARD, "Conv"), (STANDARD, "ConvInteger"), (STANDARD, "DeformConv"), (MICROSOFT, "FusedConv"),
            (_BLOCKED, "Conv"),
        ],
        _Rule((1,), _convolution, output=True),
    ),
    (STANDARD, "QLinearConv"): _Rule((3,), _convolution, output=True),
    (MICROSOFT, "QLinearConv"): _Rule((3,), _convolution, output=True),
    (STANDARD, "ConvTranspose"): _Rule((0, 1), _transposed_convolution),
    (STANDARD, "Gemm"): _Rule((0, 1), _gemm),
    (MICROSOFT, "FusedGemm"): _Rule((0, 1), _gemm),
    (MICROSOFT, "QGemm"): _Rule((0, 3), _gemm),
    (STANDARD, "MatMul"): _Rule((0, 1), _product),
    (STANDARD, "MatMulInteger"): _Rule((0, 1), _product),
    (STANDARD, "QLinearMatMul"): _Rule((0, 3), _product),
    **{
        (MICROSOFT, name): _Rule((0, 1), _product)
        for name in (
            "DynamicQuantizeMatMul", "FusedMatMul", "GemmFastGelu", "MatMulInteger16", "MatMulIntegerToFloat",
            "TransposeMatMul",
        )
    },
    (MICROSOFT, "MatMulNBits"): _Rule((0,), _packed_product),
    **{(STANDARD, name): _Rule((0, 1, 2), _recurrent) for name in ("GRU", "LSTM", "RNN")},
    (MICROSOFT, "DynamicQuantizeLSTM"): _Rule((0, 1, 2), _recurrent),
    (STANDARD, "Einsum"): _Rule((0, 1), _einsum),
    (STANDARD, "Attention"): _Rule((0, 1, 2), _attention),
    (MICROSOFT, "MultiHeadAttention"): _Rule((0, 1, 2), _multi_head_attention),
    (MICROSOFT, "Attention"): _Rule((0, 1), _projected_attention),
    (MICROSOFT, "QAttention"): _Rule((0, 1), _projected_attention),
}  # fmt: skip
