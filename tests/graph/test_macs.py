"""Every row of the table of MACs, against figures worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from edgekit.graph.inspection import inspect

Parse = Callable[..., onnx.ModelProto]
HEAD = '<ir_version: 11, opset_import: ["": 23, "com.microsoft": 1]>'


def weight(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def total(parse: Parse, signature: str, node: str, **weights: np.ndarray) -> int | None:
    return inspect(parse(f"{HEAD} g ({signature}) => (float y) {{ y = {node} }}", **weights)).macs


@pytest.mark.parametrize(
    ("node", "shape", "macs"),
    [
        # The output is 6 x 6: each of its 36 points takes a kernel of 3 x 3 over the channels of its group.
        pytest.param("Conv(x, w)", (5, 4, 3, 3), 36 * 5 * 4 * 9, id="plain"),
        pytest.param("Conv<pads=[1,1,1,1]>(x, w)", (5, 4, 3, 3), 64 * 5 * 4 * 9, id="padded"),
        pytest.param("Conv<strides=[2,2]>(x, w)", (5, 4, 3, 3), 9 * 5 * 4 * 9, id="strided"),
        pytest.param("Conv<dilations=[2,2]>(x, w)", (5, 4, 3, 3), 16 * 5 * 4 * 9, id="dilated"),
        pytest.param("Conv<auto_pad=\"SAME_UPPER\", strides=[2,2]>(x, w)", (5, 4, 3, 3), 16 * 5 * 4 * 9, id="same"),
        pytest.param("Conv<group=4>(x, w)", (4, 1, 3, 3), 36 * 4 * 9, id="depthwise"),
        pytest.param("Conv<group=2>(x, w)", (6, 2, 3, 3), 36 * 6 * 2 * 9, id="grouped"),
        # Each of the 64 input points is spread over a kernel, for every output channel of its group.
        pytest.param("ConvTranspose<strides=[2,2]>(x, w)", (4, 5, 2, 2), 64 * 4 * 5 * 4, id="transposed"),
        pytest.param("ConvTranspose<group=4>(x, w)", (4, 1, 2, 2), 64 * 4 * 4, id="transposed and depthwise"),
        pytest.param("com.microsoft.nchwc.Conv(x, w)", (16, 4, 3, 3), None, id="in blocks, of untold shape"),
        pytest.param("com.microsoft.FusedConv<activation=\"Relu\">(x, w)", (5, 4, 3, 3), 36 * 5 * 4 * 9, id="fused"),
        pytest.param("DeformConv(x, w, o)", (5, 4, 3, 3), 36 * 5 * 4 * 9, id="deformable"),
    ],
)  # fmt: skip
def test_convolutions(parse: Parse, node: str, shape: tuple[int, ...], macs: int) -> None:
    assert total(parse, "float[N,4,8,8] x, float[N,18,6,6] o", node, w=weight(*shape)) == macs


@pytest.mark.parametrize(("rank", "macs"), [(1, 6 * 5 * 4 * 3), (3, 6**3 * 5 * 4 * 27)])
def test_convolutions_along_a_line_and_through_a_volume(parse: Parse, rank: int, macs: int) -> None:
    sides = ",".join(["8"] * rank)
    assert total(parse, f"float[N,4,{sides}] x", "Conv(x, w)", w=weight(5, 4, *[3] * rank)) == macs


@pytest.mark.parametrize(
    ("a", "b", "node", "macs"),
    [
        pytest.param("3,4", "4,7", "Gemm(a, b)", 84, id="Gemm"),
        pytest.param("4,3", "4,7", "Gemm<transA=1>(a, b)", 84, id="Gemm, A transposed"),
        pytest.param("3,4", "7,4", "Gemm<transB=1>(a, b)", 84, id="Gemm, B transposed"),
        pytest.param("4,3", "7,4", "Gemm<transA=1, transB=1>(a, b)", 84, id="Gemm, both"),
        pytest.param("3,4", "4,7", "com.microsoft.FusedGemm<activation=\"Relu\">(a, b)", 84, id="FusedGemm"),
        pytest.param("3,4", "4,7", "MatMul(a, b)", 84, id="MatMul"),
        pytest.param("4", "4,7", "MatMul(a, b)", 28, id="vector by matrix"),
        pytest.param("3,4", "4", "MatMul(a, b)", 12, id="matrix by vector"),
        pytest.param("4", "4", "MatMul(a, b)", 4, id="vector by vector"),
        pytest.param("2,5,3,4", "2,5,4,7", "MatMul(a, b)", 840, id="batched"),
        pytest.param("2,1,3,4", "5,4,7", "MatMul(a, b)", 840, id="broadcast"),
        pytest.param("3,4", "2,5,4,7", "MatMul(a, b)", 840, id="one by many"),
        pytest.param("2,3,4", "2,7,4", "com.microsoft.FusedMatMul<transB=1>(a, b)", 168, id="FusedMatMul"),
        pytest.param("2,4,3", "2,4,7", "com.microsoft.FusedMatMul<transA=1>(a, b)", 168, id="FusedMatMul, A"),
        pytest.param("3,4", "4,7", "com.microsoft.GemmFastGelu(a, b)", 84, id="GemmFastGelu"),
        pytest.param("2,3,4", "2,4,7", "Einsum<equation=\"bij,bjk->bik\">(a, b)", 168, id="Einsum"),
        pytest.param("2,3,4", "2,7,4", "Einsum<equation=\"b i j, b k j\">(a, b)", 168, id="Einsum, implicit"),
        pytest.param("2,5,3,4", "5,4,7", "Einsum<equation=\"...ij,...jk->...ik\">(a, b)", 840, id="Einsum, any batch"),
        pytest.param("3", "4", "Einsum<equation=\"i,j->ij\">(a, b)", 12, id="Einsum, outer"),
        pytest.param("2,3", "2,4", "MatMul(a, b)", None, id="sides that do not fit"),
        pytest.param("2,3", "3,4", "Gemm<transA=1>(a, b)", None, id="Gemm that does not fit"),
        pytest.param("2,3", "2,4", "Einsum<equation=\"ij,jk->ik\">(a, b)", None, id="Einsum that does not fit"),
        pytest.param("2,3", "3,4", "Einsum<equation=\"ij,jk,kl->il\">(a, b, b)", None, id="Einsum of three"),
    ],
)  # fmt: skip
def test_products(parse: Parse, a: str, b: str, node: str, macs: int | None) -> None:
    assert total(parse, f"float[{a}] a, float[{b}] b", node) == macs


@pytest.mark.parametrize(("operator", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize(("direction", "ways"), [("forward", 1), ("bidirectional", 2)])
def test_recurrent_layers(parse: Parse, operator: str, gates: int, direction: str, ways: int) -> None:
    node = f'{operator}<direction="{direction}", hidden_size=4>(x, w, r)'
    weights = {"w": weight(ways, gates * 4, 5), "r": weight(ways, gates * 4, 4)}
    assert total(parse, "float[7,2,5] x", node, **weights) == 7 * 2 * ways * gates * 4 * (5 + 4)


@pytest.mark.parametrize(
    ("query", "other", "value", "node", "macs"),
    [
        # 4 heads of width 8 and 5 steps that look at 9: each pair takes 8 products, and 6 more for the value.
        pytest.param("2,4,5,8", "2,4,9,8", "2,4,9,6", "Attention(q, k, v)", 2 * 4 * 45 * (8 + 6), id="heads apart"),
        pytest.param("2,4,5,8", "2,2,9,8", "2,2,9,6", "Attention(q, k, v)", 2 * 4 * 45 * (8 + 6), id="shared heads"),
        pytest.param("2,5,32", "2,9,16", "2,9,12", "Attention<q_num_heads=4, kv_num_heads=2>(q, k, v)",
                     2 * 4 * 45 * (8 + 6), id="heads within the last axis"),
        pytest.param("2,5,32", "2,9,32", "2,9,24", "com.microsoft.MultiHeadAttention<num_heads=4>(q, k, v)",
                     2 * 4 * 45 * (8 + 6), id="onnxruntime's"),
        pytest.param("2,4,5,8", "2,4,9,8", "2,4,9,6", "Attention(q, k, v, , k, v)", None, id="with a past"),
        pytest.param("2,5,32", "2,9,16", "2,9,12", "Attention(q, k, v)", None, id="number of heads not told"),
    ],
)  # fmt: skip
def test_attention(parse: Parse, query: str, other: str, value: str, node: str, macs: int | None) -> None:
    assert total(parse, f"float[{query}] q, float[{other}] k, float[{value}] v", node) == macs


@pytest.mark.parametrize(
    ("attributes", "columns", "macs"),
    [
        pytest.param("num_heads=4", 96, 2 * 5 * (16 * 96) + 2 * 25 * 64, id="alike"),
        pytest.param("num_heads=4, qkv_hidden_sizes=[32,32,24]", 88, 2 * 5 * (16 * 88) + 2 * 25 * 56, id="differing"),
    ],
)
def test_attention_with_its_projections(parse: Parse, attributes: str, columns: int, macs: int) -> None:
    node = f"com.microsoft.Attention<{attributes}>(x, w, b)"
    assert total(parse, "float[2,5,16] x", node, w=weight(16, columns), b=weight(columns)) == macs


@pytest.mark.parametrize(
    ("node", "shape", "macs"),
    [
        pytest.param("ConvInteger(x, w)", (6, 4, 3, 3), 36 * 6 * 4 * 9, id="ConvInteger"),
        pytest.param("QLinearConv(x, s, z, w, s, z, s, z)", (6, 4, 3, 3), 36 * 6 * 4 * 9, id="QLinearConv"),
        pytest.param("com.microsoft.QLinearConv(x, s, z, w, s, z, s, z)", (6, 4, 3, 3), 36 * 6 * 4 * 9, id="its own"),
        pytest.param("MatMulInteger(x, w)", (8, 3), 4 * 8 * 8 * 3, id="MatMulInteger"),
        pytest.param("QLinearMatMul(x, s, z, w, s, z, s, z)", (8, 3), 4 * 8 * 8 * 3, id="QLinearMatMul"),
        pytest.param("com.microsoft.MatMulIntegerToFloat(x, w, s, s)", (8, 3), 4 * 8 * 8 * 3, id="to float"),
        pytest.param("com.microsoft.DynamicQuantizeMatMul(x, w, s)", (8, 3), 4 * 8 * 8 * 3, id="from float"),
    ],
)  # fmt: skip
def test_integer_operators_count_like_their_float_twins(
    parse: Parse, node: str, shape: tuple[int, ...], macs: int
) -> None:
    model = parse(
        f"{HEAD} g (uint8[N,4,8,8] x) => (float y) <float s = {{0.1}}, uint8 z = {{0}}> {{ y = {node} }}",
        w=weight(*shape, dtype=np.uint8),
    )
    found = inspect(model)
    assert found.macs == macs
    assert found.parameters == np.prod(shape)


def test_weights_of_a_few_bits_count_as_many_as_they_are(parse: Parse) -> None:
    node = "com.microsoft.MatMulNBits<K=64, N=10, bits=4, block_size=32>(x, w, s)"
    model = parse(
        f"{HEAD} g (float[2,5,64] x) => (float y) {{ y = {node} }}", w=weight(10, 2, 16, dtype=np.uint8), s=weight(20)
    )
    found = inspect(model)
    assert (found.macs, found.parameters) == (2 * 5 * 64 * 10, 640)


@pytest.mark.parametrize(
    ("node", "named"),
    [("DFT(x)", "DFT"), ("com.microsoft.MoE(x)", "com.microsoft:MoE"), ("some.where.Scaler(x)", "some.where:Scaler")],
)
def test_what_may_make_macs_nobody_counts_is_named(parse: Parse, node: str, named: str) -> None:
    found = inspect(parse(f"{HEAD} g (float[2,8,1] x) => (float y) {{ y = {node} }}"))
    assert (found.macs, found.macs_known) == (None, 0)
    assert found.notes == [f"not in the MACs: 1 {named}"]


def test_a_resnets_stem_and_block_have_the_published_figures(parse: Parse) -> None:
    """118.0 M for the 7 x 7 stem of ResNet-18 at 224 x 224, 115.6 M for each 3 x 3 convolution of its first stage."""
    found = inspect(
        parse(
            f"""{HEAD} resnet (float[N,3,224,224] x) => (float y) {{
                a = Conv<pads=[3,3,3,3], strides=[2,2]>(x, w1)
                b = Relu(a)
                c = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1], strides=[2,2]>(b)
                d = Conv<pads=[1,1,1,1]>(c, w2)
                y = Add(d, c)
            }}""",
            w1=weight(64, 3, 7, 7),
            w2=weight(64, 64, 3, 3),
        )
    )
    assert [layer.macs for layer in found.layers] == [118_013_952, 115_605_504]
    assert found.layers[1].output_shape == [1, 64, 56, 56]
