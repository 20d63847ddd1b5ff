from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.exporting.blame import OPTIMIZED, between_graphs

GRAPH = """
<ir_version: 8, opset_import: ["": 17]>
g (float[N] x) => (float[N] y) <float one = {{1.0}}, float two = {{{two}}}> {{
    {first} = Exp(x)
    b = {operator} ({first}, two)
    c = {name} (x, one)
    y = Add(b, c)
}}
"""
FEEDS = {"x": np.array([1.0, 2.0], np.float32)}


def graph(two: float = 2.0, operator: str = "Mul", name: str = "Sub", first: str = "a") -> onnx.ModelProto:
    model = onnx.parser.parse_model(GRAPH.format(two=two, operator=operator, name=name, first=first))
    model.graph.node[1].name = "double"
    return model


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (graph(two=2.5), 'it begins at Mul "double": "b"[1] is 18.4726; A gives 14.7781'),
        (
            graph(operator="Pow"),
            '"y"[1] is 55.5982; A gives 15.7781 (or at the node before it that cannot be compared)',
        ),
        (graph(two=2.5, first="z"), '"b"[1] is 18.4726; A gives 14.7781 (or at the node before it that cannot be comp'),
        (graph(), OPTIMIZED),
    ],
    ids=["a weight", "another operator under the same name", "another name before it", "the same graph"],
)
def test_the_first_node_that_differs_is_named(second, said):
    assert said in between_graphs(graph(), second, FEEDS, who="A")


def test_graphs_without_names_in_common_are_not_guessed_about():
    other = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]> g (float[N] x) => (float[N] y) { b = Neg(x)  y = Abs(b) }""")
    assert "no inner tensor's name in common" in between_graphs(graph(), other, FEEDS, who="A")


def test_a_shape_that_differs_is_told():
    texts = ("(float[N] x) => (float[N] y) { b = Neg(x) y = Exp(b) }", "s = Constant <value = int64[1] {0}> ()")
    first = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {texts[0]}')
    second = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {texts[0]}'.replace(
        "b = Neg(x)", f"{texts[1]} h = Unsqueeze(x, s) b = Neg(h)"))  # fmt: skip
    assert '"b" is [1, 2]; A gives [2] (or at the node before' in between_graphs(first, second, FEEDS, who="A")
