"""Weights wherever an exporter may keep them, and nodes that are damaged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx.parser
from onnx import TensorProto, helper

from edgekit.graph.inspection import inspect

Parse = Callable[..., onnx.ModelProto]
HEAD = '<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>'


def weight(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def test_weights_as_constant_nodes_in_every_form(parse: Parse) -> None:
    found = inspect(
        parse(
            f"""{HEAD} g (float[N,2] x) => (float[N,2] y) {{
                a = Constant<value = float[2,2] {{1,2,3,4}}>()
                b = Constant<value_floats = [1.0, 2.0]>()
                c = Constant<value_float = 3.0>()
                d = Constant<value_ints = [-1, 2]>()
                p = MatMul(x, a)
                q = Add(p, b)
                r = Mul(q, c)
                y = Reshape(r, d)
            }}"""
        )
    )
    assert (found.parameters, found.macs) == (4 + 2, 4)


def test_a_weight_inside_a_loop_and_a_scan(parse: Parse) -> None:
    found = inspect(
        parse(
            f"""{HEAD} g (float[1,4] x, float[5,4] steps, int64 n, bool go)
            => (float[1,4] y, float[4] z, float[a,b] s) {{
                [outer] y = Loop(n, go, x) <body = b1 (int64 i, bool c, float[1,4] h) => (bool c2, float[1,4] h2) {{
                    c2 = Identity(c)
                    w = Constant<value = float[4,4] {{1,2,3,4,1,2,3,4,1,2,3,4,1,2,3,4}}>()
                    [inner] h2 = MatMul(h, w)
                }}>
                z0 = Constant<value = float[4] {{0,0,0,0}}>()
                [over] z, s = Scan(z0, steps) <num_scan_inputs = 1, body = b2 (float[4] h, float[4] t)
                    => (float[4] k, float[4] u) {{
                    k = MatMul(m, h)
                    u = Add(k, t)
                }}>
            }}""",
            m=weight(4, 4),
        )
    )
    assert found.parameters == 16 + 16 + 4
    assert found.macs == 16 + 16
    assert [layer.name for layer in found.layers][:2] == ["outer/body/inner", "over"]
    assert found.notes == ["the graphs inside Loop, Scan are counted once each"]


def test_the_state_a_recurrent_layer_begins_with_is_no_parameter(parse: Parse) -> None:
    found = inspect(
        parse(
            f"{HEAD} g (float[7,1,5] x) => (float y) {{ y = LSTM<hidden_size=4>(x, w, r, b, , h, c, p) }}",
            w=weight(1, 16, 5), r=weight(1, 16, 4), b=weight(1, 32), p=weight(1, 12), h=weight(1, 1, 4),
            c=weight(1, 1, 4),
        )
    )  # fmt: skip
    assert found.parameters == 16 * 9 + 32 + 12


def test_quantized_and_dequantized_again(parse: Parse) -> None:
    found = inspect(
        parse(
            f"""{HEAD} g (float[N,4,5,5] x) => (float[N,6,3,3] y) <float s = {{0.1}}, uint8 z = {{0}}> {{
                a = QuantizeLinear(x, s, z)
                b = DequantizeLinear(a, s, z)
                k = DequantizeLinear<axis=0>(kernel, scales)
                l = DequantizeLinear(bias, s)
                c = Conv(b, k, l)
                d = QuantizeLinear(c, s, z)
                y = DequantizeLinear(d, s, z)
            }}""",
            kernel=weight(6, 4, 3, 3, dtype=np.int8),
            scales=weight(6),
            bias=weight(6, dtype=np.int32),
        )
    )
    assert (found.macs, found.parameters) == (6 * 9 * 4 * 9, 6 * 36 + 6)


def test_sparse_and_text_constants(parse: Parse) -> None:
    model = parse(f"{HEAD} g (float[N,4] x) => (float[N,4] y) {{ y = Mul(x, s) }}")
    values = helper.make_tensor("s", TensorProto.FLOAT, [2], [1.0, 2.0])
    indices = helper.make_tensor("i", TensorProto.INT64, [2], [0, 3])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))
    model.graph.initializer.append(helper.make_tensor("t", TensorProto.STRING, [2], [b"a", b"b"]))
    found = inspect(model)
    assert found.parameters == 4
    assert found.inputs == ["x: float32[N,4]"]


def test_names_twice_and_nodes_without_inputs_or_outputs(parse: Parse) -> None:
    model = parse(
        f"{HEAD} g (float[N,4] x) => (float[N,4] y) {{ [a] h = Relu(x) [a] y = MatMul(h, w) }}", w=weight(4, 4)
    )
    model.graph.node.add(op_type="Conv")
    model.graph.node.add(op_type="LSTM", input=["", "", ""], output=[""])
    model.graph.node.add(op_type="Einsum", input=["x"])
    found = inspect(model)
    assert found.macs is None
    assert found.parameters == 16


def test_constants_that_go_round_in_a_circle(parse: Parse) -> None:
    model = parse(f"{HEAD} g (float[N,4] x) => (float[N,4] y) {{ y = MatMul(x, b) }}")
    model.graph.node.append(helper.make_node("Cast", ["b"], ["a"], to=1))
    model.graph.node.append(helper.make_node("Cast", ["a"], ["b"], to=1))
    assert inspect(model).macs is None
