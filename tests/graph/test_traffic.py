"""What each kind of node moves, against figures worked out by hand: x is float32 of 6 x 4, 96 bytes."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest

from edgekit.graph.traffic import Traffic, integer, moved

Parse = Callable[..., onnx.ModelProto]
SIZES = {"x": 96, "z": 96, "w": 160, "table": 40_000, "ids": 16, "y": 64, "y2": 32, "s": 8}
CONSTANTS = {"w", "table"}


def node(parse: Parse, text: str) -> onnx.NodeProto:
    head = '<ir_version: 9, opset_import: ["": 18, "com.microsoft": 1]>'
    return parse(f"{head} g (float[6,4] x) => (float y) {{ {text} }}").graph.node[0]


@pytest.mark.parametrize(
    ("text", "traffic"),
    [
        pytest.param("y = MatMul(x, w)", Traffic(160, 96 + 64), id="weights apart from values"),
        pytest.param("y = Add(x, z)", Traffic(0, 96 + 96 + 64), id="two values"),
        pytest.param("y = Mul(x, x)", Traffic(0, 96 + 64), id="one value twice"),
        pytest.param("y = Mul(w, w)", Traffic(160, 64), id="a constant twice"),
        pytest.param("y, y2 = Split<axis=0>(x, s)", Traffic(0, 96 + 8 + 64 + 32), id="two outputs"),
        pytest.param("y = Gemm(x, w, )", Traffic(160, 96 + 64), id="an input left out"),
        pytest.param("y = Reshape(x, s)", Traffic(0, 0), id="handed on"),
        pytest.param("y = Gather(table, ids)", Traffic(64, 16 + 64), id="rows of a constant"),
        pytest.param("y = Gather(x, ids)", Traffic(0, 64 + 16 + 64), id="rows of a value"),
        pytest.param("y = Shape(x)", Traffic(0, 64), id="no element is read"),
        pytest.param("y = Relu(unknown)", None, id="of unknown size"),
    ],
)
def test_a_node_moves(parse: Parse, text: str, traffic: Traffic | None) -> None:
    assert moved(node(parse, text), SIZES.get, CONSTANTS) == traffic


def test_a_node_with_a_graph_inside_moves_nothing_itself(parse: Parse) -> None:
    branch = "then_branch = t () => (float[6,4] a) { a = Neg(x) }, else_branch = e () => (float[6,4] b) { b = Exp(x) }"
    assert moved(node(parse, f"y = If<{branch}>(x)"), SIZES.get, CONSTANTS) == Traffic(0, 0)


@pytest.mark.parametrize(
    ("text", "is_integer"),
    [
        ("y = MatMulInteger(x, w)", True),
        ("y = com.microsoft.QGemm(x, s, s, w, s, s)", True),
        ("y = MatMul(x, w)", False),
        ("y = com.microsoft.QLinearAdd(x, s, s, z, s, s, s, s)", False),
    ],
)
def test_what_multiplies_in_8_bits(parse: Parse, text: str, is_integer: bool) -> None:
    assert integer(node(parse, text)) is is_integer
