"""Shapes that must be worked out, and those nobody can tell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx.parser

from edgekit.graph.inspection import inspect

Parse = Callable[..., onnx.ModelProto]
HEAD = '<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>'


def weight(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def test_functions_that_call_functions_and_one_that_is_missing(parse: Parse) -> None:
    model = parse(
        """<ir_version: 9, opset_import: ["": 17, "own": 1, "lost": 1]>
        g (float[N,4] x) => (float[N,3] y) { h = own.twice(x, v) k = own.linear(h, w) y = lost.thing(k) }
        <domain: "own", opset_import: ["": 17]> linear (a, b) => (c) { c = MatMul(a, b) }
        <domain: "own", opset_import: ["": 17, "own": 1]> twice (a, b) => (c) {
            h = own.linear(a, b) c = own.linear(h, b) }
        """,
        w=weight(4, 3),
        v=weight(4, 4),
    )
    found = inspect(model)
    assert (found.macs, found.macs_known, found.parameters) == (None, 16 + 16 + 12, 28)
    assert found.operators == {"MatMul": 3, "lost:thing": 1}
    assert found.domains == {"own": 1, "lost": 1}


def test_functions_that_call_themselves_are_left_as_they_are(parse: Parse) -> None:
    model = parse(
        """<ir_version: 9, opset_import: ["": 17, "own": 1]> g (float[N,4] x) => (float[N,4] y) { y = own.again(x) }
        <domain: "own", opset_import: ["": 17, "own": 1]> again (a) => (b) { b = own.again(a) }"""
    )
    found = inspect(model)
    assert found.operators == {"own:again": 1}
    assert found.notes[0].startswith("shape inference failed: ") and "recursive" in found.notes[0]
    assert found.notes[1:] == ["not in the MACs: 1 own:again"]


def test_a_shape_that_depends_on_values_is_unknown_and_named(parse: Parse) -> None:
    found = inspect(
        parse(
            f"""{HEAD} g (float[N,4] x) => (float[a,3] y) {{
                some = NonZero(x)
                f = Cast<to=1>(some)
                t = Transpose(f)
                [late] y = MatMul(t, w)
            }}""",
            w=weight(2, 3),
        )
    )
    assert found.macs is None
    assert found.notes == ['MACs unknown for "late": a shape is not told, or does not fit']


def test_a_reshape_whose_shape_is_computed(parse: Parse) -> None:
    found = inspect(
        parse(
            f"""{HEAD} g (float[N,4,6] x) => (float[N,a] y) {{
                shape = Shape(x)
                nought = Constant<value_int = 0>()
                batch = Gather(shape, nought)
                axis = Constant<value_ints = [0]>()
                first = Unsqueeze(batch, axis)
                rest = Constant<value_ints = [-1]>()
                both = Concat<axis=0>(first, rest)
                flat = Reshape(x, both)
                y = MatMul(flat, w)
            }}""",
            w=weight(24, 5),
        )
    )
    assert found.macs == 24 * 5


def test_a_domain_the_file_forgot_to_import_and_the_long_name_of_the_standard_one(parse: Parse) -> None:
    model = parse(
        """<ir_version: 8, opset_import: ["ai.onnx": 17]> g (float[N,4] x) => (float[N,3] y) {
            h = ai.onnx.Relu(x) k = forgotten.Thing(h) y = MatMul(h, w) }""",
        w=weight(4, 3),
    )
    found = inspect(model)
    assert (found.opset, found.macs_known) == (17, 12)
    assert found.operators == {"Relu": 1, "forgotten:Thing": 1, "MatMul": 1}


def test_sequences_and_optionals(parse: Parse) -> None:
    model = parse(
        f"""{HEAD} g (seq(float[N,3]) s, optional(float[2]) o) => (float[a] y, bool z) {{
            i = Constant<value = int64 {{0}}>()
            x = SequenceAt(s, i)
            y = MatMul(x, w)
            z = OptionalHasElement(o)
        }}""",
        w=weight(3),
    )
    found = inspect(model)
    assert found.inputs == ["s: sequence(float32)[...]", "o: optional(float32)[...]"]
    assert found.parameters == 3
