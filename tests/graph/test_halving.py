from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest

from edgekit.graph import cleaning
from edgekit.graph.halving import Halved, halve
from edgekit.graph.tensors import inputs, outputs

HEAD = '<ir_version: 8, opset_import: ["": 18, "com.microsoft": 1]> g '
EYE = np.eye(4, dtype=np.float32)
X = np.linspace(-2, 2, 8, dtype=np.float32).reshape(2, 4)
ONES = np.ones((1, 2, 2), np.float32)


def model(text: str, **weights: Any) -> onnx.ModelProto:
    made = onnx.parser.parse_model(HEAD + text)
    made.graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in weights.items())
    return made


def run(made: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def operators(halved: Halved) -> list[str]:
    return [node.op_type for node in halved.model.graph.node]


GRAPHS: dict[str, tuple[str, dict[str, Any], dict[str, np.ndarray]]] = {
    "a chain": (
        "(float[N,4] x) => (float[N,4] y) { h = MatMul(x, w) c = CumSum(h, axis) y = Softmax<axis=1>(c) }",
        {"w": EYE, "axis": np.int64(1)},
        {"x": X},
    ),
    "an inner value is an output too": (
        """(float[N,4] x) => (float[N,4] h, float[N,4] y, int64[N,1] k)
        { h = MatMul(x, w) y = Softmax<axis=1>(h) k = ArgMax<axis=1>(h) }""",
        {"w": EYE},
        {"x": X},
    ),
    "two outputs of one node": (
        "(float[N,4] x) => (float[N,2] y, int64[N,2] at) { h = MatMul(x, w) y, at = TopK(h, k) }",
        {"w": EYE, "k": np.array([2])},
        {"x": X},
    ),
    "types that attributes tell": (
        """(uint8[N,4] x) => (float[N,4] y) {
        f = Cast<to=1>(x) h = MatMul(f, w) s = Shape(h) two = ConstantOfShape<value = float[1] {2.0}>(s)
        three = Constant<value_float = 3.0>() six = Mul(two, three) y = Add(h, six) }""",
        {"w": EYE},
        {"x": np.full((2, 4), 200, np.uint8)},
    ),
    "a recurrent network": (
        """(float[T,N,3] x, float[1,N,2] h0, float[1,N,2] c0) => (float[T,1,N,2] y, float[1,N,2] h, float[1,N,2] c)
        { y, h, c = LSTM<hidden_size=2>(x, w, r, , , h0, c0) }""",
        {"w": np.full((1, 8, 3), 0.5, np.float32), "r": np.full((1, 8, 2), 0.5, np.float32)},
        {"x": np.full((5, 2, 3), 0.1, np.float32), "h0": ONES, "c0": ONES},
    ),
    "scales that must be float32": (
        """(float[N,1,4,4] x) => (float[N,1,8,8] y) { h = Neg(x) y = Resize<mode="linear">(h, , scales) }""",
        {"scales": np.array([1, 1, 2, 2], np.float32)},
        {"x": np.ones((2, 1, 4, 4), np.float32)},
    ),
    "a branch": (
        """(float[N,4] x, bool c) => (float[N,4] y) { h = MatMul(x, w) q = MatMul(h, w)
        z = If(c) <then_branch = t () => (float[N,4] a) { a = Exp(h) }, else_branch = e () => (float[N,4] b)
        { b = Neg(h) }> y = Add(z, q) }""",
        {"w": EYE},
        {"x": X, "c": np.array(True)},
    ),
    "a weight that an inner graph reads too": (
        """(float[N,4] x, bool c) => (float[N,4] y) { h = MatMul(x, w)
        z = If(c) <then_branch = t () => (float[4,4] a) { a = Exp(w) }, else_branch = e () => (float[4,4] b)
        { b = Neg(w) }> y = MatMul(h, z) }""",
        {"w": EYE},
        {"x": X, "c": np.array(True)},
    ),
    "sequences": (
        """(float[N,4] x) => (float[M,4] y)
        { h = MatMul(x, w) q = SequenceConstruct(h, h) c = ConcatFromSequence<axis=0>(q) y = Neg(c) }""",
        {"w": EYE},
        {"x": X},
    ),
    "a weight that is read in both precisions": (
        "(float[N,4] x) => (float[N,4] y) <float big = {1e6}> { a = MatMul(x, w) b = Mul(w, big) y = MatMul(a, b) }",
        {"w": 0.5 * EYE},
        {"x": X},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_the_half_is_valid_answers_alike_and_takes_the_same(name: str) -> None:
    text, weights, feeds = GRAPHS[name]
    whole = model(text, **weights)
    before = whole.SerializeToString()
    halved = halve(whole, [feeds])
    assert whole.SerializeToString() == before
    cleaning.check(halved.model)
    for way in (inputs, outputs):
        assert way(halved.model) == way(whole)
    for answer, expected in zip(run(halved.model, feeds), run(whole, feeds), strict=True):
        assert answer.dtype == expected.dtype
        np.testing.assert_allclose(answer, expected, rtol=1e-2, atol=1e-2)


def kept(name: str) -> dict[str, str]:
    text, weights, feeds = GRAPHS[name]
    return {each.operator: each.reason for each in halve(model(text, **weights), [feeds]).kept}


def test_what_a_schema_or_an_inner_graph_wants_whole_is_named_with_its_reason() -> None:
    assert kept("a chain") == kept("a recurrent network") == kept("scales that must be float32") == {}
    assert kept("a branch") == {
        "MatMul": 'If "If_2" reads "h" inside', "If": "it holds graphs of its own"
    }  # fmt: skip
    assert kept("sequences") == dict.fromkeys(("SequenceConstruct", "ConcatFromSequence"), "it works on sequences")


def test_an_operator_that_onnx_does_not_know_stays_whole() -> None:
    text = "(float[N,4] x) => (float[N,4] y) { h = MatMul(x, w) [gelu] y = com.microsoft.Gelu(h) }"
    halved = halve(model(text, w=EYE), [{"x": X}])
    assert [str(each) for each in halved.kept] == ['com.microsoft:Gelu "gelu": ONNX does not know it']
    assert operators(halved) == ["Cast", "MatMul", "Cast", "Gelu"]


LARGE = """(float[N,4] x) => (float[N,4] y)
{ [a] h = MatMul(x, w) [b] s = Mul(h, h) [c] r = Sqrt(s) [d] y = Mul(r, tenth) }"""


def test_what_reaches_beyond_float16_on_any_batch_stays_whole() -> None:
    made = model(LARGE, w=EYE, tenth=np.float32(0.1))
    small, large = {"x": X}, {"x": 300 * np.abs(X)}
    assert halve(made, [small]).kept == []
    halved = halve(made, [small, large])
    assert [str(each) for each in halved.kept] == ['Mul "b": "s" reaches 3.6e+05', 'Sqrt "c": "s" reaches 3.6e+05']
    np.testing.assert_allclose(run(halved.model, large)[0], run(made, large)[0], rtol=1e-2)


def test_without_the_look_at_values_the_half_would_overflow() -> None:
    """What the look is for: in real float16, which numpy computes in, the square of 300 is infinite."""
    with np.errstate(over="ignore"):
        assert np.isinf(np.float16(300) * np.float16(300))


def test_constants_that_float16_cannot_hold_keep_their_nodes_whole_and_infinity_does_not() -> None:
    text = """(float[N,4] x) => (float[N,4] y) <float hidden = {-3.4e38}, float eps = {0.000001}>
    { m = Less(x, w) [hide] a = Where(m, x, hidden) [soft] b = Softmax<axis=1>(a) [add] c = Add(b, eps) y = Sqrt(c) }"""
    halved = halve(model(text, w=np.ones(4, np.float32)), [{"x": X}])
    assert [str(each) for each in halved.kept] == [
        'Where "hide": "hidden" reaches 3.4e+38',
        'Softmax "soft": "a" reaches 3.4e+38',
        'Add "add": "eps" stays below 1e-06',
    ]
    infinite = model(text.replace("-3.4e38", "-1.0").replace("0.000001", "0.5"), w=np.ones(4, np.float32))
    infinite.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.float32(-np.inf), "hidden"))
    assert halve(infinite, [{"x": X}]).kept == []


def test_weights_are_halved_and_the_bytes_told() -> None:
    made = model("(float[N,64] x) => (float[N,64] y) { y = MatMul(x, w) }", w=np.ones((64, 64), np.float32))
    halved = halve(made, [{"x": np.ones((1, 64), np.float32)}])
    assert halved.bytes == (made.ByteSize(), halved.model.ByteSize())
    assert halved.bytes[1] < 0.55 * halved.bytes[0]
    assert halved.model.graph.initializer[0].data_type == onnx.TensorProto.FLOAT16


def test_an_input_with_a_value_of_its_own_stays_as_it_is() -> None:
    made = model("(float[N,4] x, float[4,4] w) => (float[N,4] y) { y = MatMul(x, w) }", w=EYE)
    halved = halve(made, [{"x": X}])
    assert halved.model.graph.initializer[0].data_type == onnx.TensorProto.FLOAT
    np.testing.assert_allclose(run(halved.model, {"x": X})[0], X, rtol=1e-3)
    np.testing.assert_allclose(run(halved.model, {"x": X, "w": 2 * EYE})[0], 2 * X, rtol=1e-3)


def test_functions_of_the_model_are_halved_inside(parse: Callable[..., onnx.ModelProto]) -> None:
    made = parse("""<ir_version: 8, opset_import: ["": 18, "own": 1]>
        g (float[N,4] x) => (float[N,4] y) { y = own.twice(x) }
        <domain: "own", opset_import: ["": 18]> twice (a) => (b) { b = Add(a, a) }""")
    halved = halve(made, [{"x": X}])
    assert operators(halved) == ["Cast", "Add", "Cast"] and halved.kept == []
