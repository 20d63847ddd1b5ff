from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from edgekit.graph.selection import Selection, select

Parse = Callable[..., onnx.ModelProto]
HEAD = '<ir_version: 8, opset_import: ["": 17]>'


def names(selection: Selection) -> list[str]:
    return [node.name for node in selection.chosen]


def test_what_lies_between_weighted_nodes_is_chosen_and_nothing_around_them(cnn: onnx.ModelProto) -> None:
    selection = select(cnn.graph)
    assert names(selection) == ["first", "first_relu", "second", "join", "join_relu", "pool", "flat", "head"]
    assert selection.kept == {"stem": "it has fewer than 4 input channels"}


def test_the_ranges_of_what_goes_in_and_out_are_asked_for_but_not_of_the_logits(cnn: onnx.ModelProto) -> None:
    selection = select(cnn.graph)
    assert selection.float_answers == {"logits"}
    assert selection.tensors() == ["r0", "c1", "r1", "c2", "a", "r2", "p", "f"]


def test_an_excluded_node_stays_in_float_and_so_does_what_came_of_it(cnn: onnx.ModelProto) -> None:
    cnn.graph.node[12].name = "head/Fused"
    selection = select(cnn.graph, ["second", "head"])
    assert selection.kept == {
        "stem": "it has fewer than 4 input channels",
        "second": "excluded",
        "head/Fused": "excluded",
    }
    assert names(selection) == ["first"]


def test_an_excluded_joining_node_stays_in_float(cnn: onnx.ModelProto) -> None:
    assert "join" not in names(select(cnn.graph, ["join"]))


def test_a_depthwise_convolution_is_chosen(parse: Parse) -> None:
    model = parse(
        f"{HEAD} g (float[N,8,6,6] x) => (float[N,8,A,B] y) {{ [d] y = Conv<group=8>(x, w) }}",
        w=np.ones((8, 1, 3, 3), np.float32),
    )
    assert names(select(model.graph)) == ["d"]


@pytest.mark.parametrize(
    ("weight", "reason"),
    [(None, "its weights are no constants"), (np.ones((4, 3), np.float16), "its weights are not float32")],
    ids=["two activations", "half precision"],
)
def test_a_product_without_float32_constants_stays_in_float(
    parse: Parse, weight: np.ndarray | None, reason: str
) -> None:
    given = {} if weight is None else {"w": weight}
    model = parse(f"{HEAD} g (float[N,4] x, float[4,3] v) => (float[N,3] y) {{ [m] y = MatMul(x, w) }}", **given)
    assert select(model.graph).kept == {"m": reason}
    assert not select(model.graph).chosen
