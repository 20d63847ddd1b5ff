from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.errors import BundleError
from edgekit.graph.description import Layer, Weight
from edgekit.graph.inspection import inspect

Parse = Callable[..., onnx.ModelProto]
HEAD = '<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>'


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def test_a_network_is_described_at_batch_1(cnn: onnx.ModelProto) -> None:
    found = inspect(cnn)
    assert found.inputs == ["image: uint8[N,8,8,1]"]
    assert found.outputs == ["probabilities: float32[N,5]"]
    assert (found.opset, found.ir, found.nodes) == (17, 8, 14)
    assert found.operators["Conv"] == 3
    assert found.parameters == 8 * 9 + 8 + 2 * (8 * 8 * 9 + 8) + 5 * 8 + 5
    assert found.macs == 64 * 8 * 9 + 2 * 64 * 8 * 8 * 9 + 5 * 8
    assert found.bytes == cnn.ByteSize()
    assert found.notes == []
    assert found.layers[0] == Layer("stem", "Conv", 64 * 8 * 9, 80, [1, 8, 8, 8])
    assert [layer.name for layer in found.layers] == ["stem", "first", "second", "head"]
    assert found.largest[0] == Weight("w1", "float32", [8, 8, 3, 3], 2304)
    assert found.dynamic == {"N": ["image[0]", "probabilities[0]"]}
    json.dumps(dataclasses.asdict(found), allow_nan=False)


@pytest.mark.parametrize(
    ("graph", "macs", "weights"),
    [
        pytest.param("Conv<group=2, strides=[2,2]>(x, w)", 4 * 3 * 3 * 1 * 4, {"w": ones(4, 1, 2, 2)}, id="grouped"),
        pytest.param("ConvTranspose(x, w)", 2 * 6 * 6 * 3 * 4, {"w": ones(2, 3, 2, 2)}, id="transposed"),
        pytest.param("MatMul(x, w)", 2 * 6 * 6 * 5, {"w": ones(6, 5)}, id="matmul"),
        pytest.param("MatMul(x, w)", 2 * 6 * 6, {"w": ones(6)}, id="matrix times vector"),
        pytest.param("Relu(x)", 0, {}, id="none"),
    ],
)
def test_macs_follow_from_the_shapes(parse: Parse, graph: str, macs: int, weights: dict[str, np.ndarray]) -> None:
    model = parse(f"{HEAD} g (float[N,2,6,6] x) => (float[A,B,C,D] y) {{ y = {graph} }}", **weights)
    assert inspect(model).macs == macs


@pytest.mark.parametrize(
    ("node", "macs"),
    [
        pytest.param("Gemm(x, w)", 3 * 4 * 7, id="plain"),
        pytest.param("Gemm<transA=1>(xt, w)", 3 * 4 * 7, id="A transposed"),
        pytest.param("Gemm<transB=1>(x, wt)", 3 * 4 * 7, id="B transposed"),
    ],
)
def test_macs_of_gemm_know_what_is_transposed(parse: Parse, node: str, macs: int) -> None:
    model = parse(
        f"{HEAD} g (float[3,4] x, float[4,3] xt) => (float[A,B] y) {{ y = {node} }}", w=ones(4, 7), wt=ones(7, 4)
    )
    assert inspect(model).macs == macs


@pytest.mark.parametrize(("operator", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_macs_of_recurrent_layers_count_every_step_and_direction(parse: Parse, operator: str, gates: int) -> None:
    model = parse(
        f"""{HEAD} g (float[7,N,5] x) => (float[A,B,C,D] y) {{
            y = {operator}<direction="bidirectional", hidden_size=4>(x, w, r) }}""",
        w=ones(2, gates * 4, 5),
        r=ones(2, gates * 4, 4),
    )
    found = inspect(model)
    assert found.macs == 7 * 2 * gates * 4 * (5 + 4)
    assert found.parameters == 2 * gates * 4 * (5 + 4)


def test_integer_operators_count_like_their_float_twins_and_scales_are_no_parameters(parse: Parse) -> None:
    model = parse(
        f"""{HEAD} g (uint8[N,4,5,5] x) => (uint8[A,B,C,D] y, int32[A,B,C,D] z)
        <float s = {{0.1}}, uint8 zero = {{0}}> {{
            y = QLinearConv(x, s, zero, w, scales, zeros, s, zero, bias)
            z = MatMulInteger(x, v)
        }}""",
        w=np.ones((6, 4, 3, 3), np.int8),
        scales=ones(6),
        zeros=np.zeros(6, np.int8),
        bias=np.ones(6, np.int32),
        v=np.ones((5, 3), np.int8),
    )
    found = inspect(model)
    assert found.macs == 6 * 9 * 4 * 9 + 4 * 5 * 3 * 5
    assert [layer.parameters for layer in found.layers] == [6 * 4 * 9 + 6, 15]


def test_a_weight_counts_through_dequantization_and_only_once(parse: Parse) -> None:
    model = parse(
        f"""{HEAD} g (float[N,4] x) => (float[A,B] y) <int8 zero = {{0}}> {{
            w = DequantizeLinear<axis=0>(quantized, scales)
            a = MatMul(x, w)
            turned = Transpose(w)
            y = MatMul(a, turned)
        }}""",
        quantized=np.ones((4, 4), np.int8),
        scales=ones(4),
    )
    found = inspect(model)
    assert found.parameters == 16
    assert [layer.parameters for layer in found.layers] == [16, 0]
    assert found.macs == 32


def test_weights_may_be_constant_nodes_and_lie_in_subgraphs(parse: Parse) -> None:
    model = parse(
        f"""{HEAD} g (float[N,2] x, bool c) => (float[A,B] y) {{
            outer = Constant<value = float[2,2] {{1,2,3,4}}>()
            [choice] y = If(c) <
                then_branch = yes () => (float[N,3] t) {{
                    inner = Constant<value = float[2,3] {{1,2,3,4,5,6}}>()
                    [product] t = MatMul(x, inner)
                }},
                else_branch = no () => (float[N,2] e) {{ e = MatMul(x, outer) }}
            >
        }}"""
    )
    found = inspect(model)
    assert found.parameters == 6 + 4
    assert found.macs == 6 + 4
    assert [layer.name for layer in found.layers] == ["choice/then_branch/product", "choice/else_branch/MatMul_0"]
    assert found.notes == ["the graphs inside If are counted once each"]


def test_functions_inside_the_model_are_looked_into(parse: Parse) -> None:
    model = parse(
        """<ir_version: 8, opset_import: ["": 17, "own": 1]>
        g (float[N,4] x) => (float[A,B] y) { y = own.linear(x, w) }
        <domain: "own", opset_import: ["": 17]> linear (a, b) => (c) { c = MatMul(a, b) }""",
        w=ones(4, 3),
    )
    assert inspect(model).macs == 12


def test_shapes_behind_an_operator_of_another_domain_come_from_the_file(parse: Parse) -> None:
    model = parse(
        f"""{HEAD} g (float[N,4] x) => (float[N,3] y) <float[N,4] h> {{
            h = com.microsoft.Unheard(x)
            y = MatMul(h, w)
        }}""",
        w=ones(4, 3),
    )
    assert inspect(model).macs_known == 12


def test_a_declared_output_of_the_wrong_rank_does_no_harm(parse: Parse) -> None:
    model = parse(f"{HEAD} g (float[N,4] x) => (float[N] y) {{ y = MatMul(x, w) }}", w=ones(4, 3))
    assert inspect(model).macs == 12


def test_stale_shapes_in_the_file_do_no_harm(parse: Parse) -> None:
    model = parse(
        f"{HEAD} g (float[N,4] x) => (float[N,3] y) <float[8,4] h> {{ h = Relu(x) y = MatMul(h, w) }}", w=ones(4, 3)
    )
    assert inspect(model).macs == 12


def test_an_operator_of_another_domain_leaves_what_follows_unknown_with_a_note(parse: Parse) -> None:
    model = parse(
        f"{HEAD} g (float[N,4] x) => (float[A,B] y) {{ h = com.microsoft.Unheard(x) [last] y = MatMul(h, w) }}",
        w=ones(4, 3),
    )
    found = inspect(model)
    assert found.macs is None
    assert found.parameters == 12
    assert found.notes == [
        'MACs unknown for "last": a shape is not told, or does not fit',
        "not in the MACs: 1 com.microsoft:Unheard",
    ]


def test_shapes_that_contradict_each_other_give_a_note_and_no_error(parse: Parse) -> None:
    model = parse(f"{HEAD} g (float[2,4] x) => (float[2,3] y) {{ y = MatMul(x, w) }}", w=ones(5, 3))
    found = inspect(model)
    assert found.parameters == 15
    assert found.notes


def test_old_files_list_weights_as_inputs_and_write_any_dimension_as_zero_or_below(parse: Parse) -> None:
    model = parse(
        """<ir_version: 3, opset_import: ["": 7]>
        g (float[1,4] x, float[4,3] w) => (float[1,3] y) { y = MatMul(x, w) }""",
        w=ones(4, 3),
    )
    model.graph.input[0].name = model.graph.node[0].input[0] = "input:0"
    for dimension, shown in ((-1, "?"), (0, "?")):
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = dimension
        found = inspect(model)
        assert found.inputs == [f"input:0: float32[{shown},4]"]
        assert (found.opset, found.ir, found.macs) == (7, 3, 12)


def test_inputs_without_a_shape_or_that_are_no_tensors_are_shown_as_such(parse: Parse) -> None:
    model = parse(f"{HEAD} g (float x, seq(float) s) => (float y) {{ y = Relu(x) }}")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    assert inspect(model).inputs == ["x: float32[...]", "s: sequence(float32)[...]"]


def test_bytes_include_weights_in_other_files(cnn: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save_model(cnn, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    found = inspect(path)
    assert found.bytes == path.stat().st_size + (tmp_path / "weights.bin").stat().st_size
    assert found.macs is not None


def test_inspecting_changes_nothing(cnn: onnx.ModelProto) -> None:
    before = cnn.SerializeToString()
    inspect(cnn)
    assert cnn.SerializeToString() == before


def test_a_file_that_is_no_onnx_is_an_error_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_text("hello")
    with pytest.raises(BundleError, match="not an ONNX file"):
        inspect(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("dtype", "count"),
    [("float", 64), ("float16", 32), ("int8", 16), ("int4", 8), ("bool", 16), ("float8e4m3fn", 16), ("bfloat16", 32)],
)
def test_sizes_of_constants_follow_from_their_dtype(parse: Parse, dtype: str, count: int) -> None:
    model = parse(f"{HEAD} g (float[N] x) => (float[N] y) {{ y = Relu(x) }}")
    code = onnx.TensorProto.DataType.Value(dtype.upper())
    model.graph.initializer.append(onnx.TensorProto(name="w", data_type=code, dims=[16], raw_data=bytes(count)))
    assert inspect(model).largest[0].bytes == count
