"""onnxruntime's own operators: what follows them is known too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
from onnx import helper

from edgekit.graph.inspection import inspect

Parse = Callable[..., onnx.ModelProto]
HEAD = '<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>'


def weight(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def test_quantized_operators_of_two_domains(parse: Parse) -> None:
    """As onnxruntime's quantizer writes them: what follows its own operators is known too."""
    found = inspect(
        parse(
            f"""{HEAD} g (uint8[N,4,5,5] x) => (uint8[N,3] y) <float s = {{0.1}}, uint8 z = {{0}}> {{
                a = QLinearConv(x, s, z, kernel, s, z, s, z)
                b = com.microsoft.QLinearAdd(a, s, z, a, s, z, s, z)
                c = com.microsoft.QLinearConcat<axis=1>(s, z, a, s, z, b, s, z)
                d = com.microsoft.QLinearGlobalAveragePool(c, s, z, s, z)
                e = Flatten(d)
                y = com.microsoft.QGemm<transB=1>(e, s, z, matrix, s, z, , s, z)
            }}""",
            kernel=weight(6, 4, 3, 3, dtype=np.uint8),
            matrix=weight(3, 12, dtype=np.uint8),
        )
    )
    assert found.macs == 6 * 9 * 36 + 3 * 12
    assert found.parameters == 6 * 36 + 36
    assert found.notes == []


def test_a_fused_transformer(parse: Parse) -> None:
    """As onnxruntime's optimizer writes them, four tokens long."""
    found = inspect(
        parse(
            f"""{HEAD} g (int32[N,4] ids) => (float[N,4,8] y) {{
                e, mask = com.microsoft.EmbedLayerNormalization(ids, , words, places, , gamma, gamma)
                a = com.microsoft.Attention<num_heads=2>(e, w, b)
                m = MatMul(a, projection)
                n = com.microsoft.SkipLayerNormalization(m, e, gamma, gamma)
                q = com.microsoft.FusedMatMul<transB=1>(n, up)
                f = com.microsoft.BiasGelu(q, wide)
                y = MatMul(f, down)
            }}""",
            words=weight(100, 8), places=weight(16, 8), gamma=weight(8), w=weight(8, 24), b=weight(24),
            projection=weight(8, 8), up=weight(32, 8), wide=weight(32), down=weight(32, 8),
        )
    )  # fmt: skip
    assert [layer.macs for layer in found.layers if layer.macs] == [
        4 * 8 * 24 + 2 * 16 * 8, 4 * 8 * 8, 4 * 8 * 32, 4 * 32 * 8,
    ]  # fmt: skip
    assert found.notes == []


@pytest.mark.parametrize(
    "operator", sorted({"FusedMatMul", "MultiHeadAttention", "Attention", "QGemm", "QLinearConcat"})
)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_onnxruntimes_operators_with_too_few_inputs(parse: Parse, operator: str, count: int) -> None:
    model = parse(f"{HEAD} g (float[N,4] x) => (float[N,4] y) {{ y = MatMul(x, w) }}", w=weight(4, 4))
    model.graph.node.append(helper.make_node(operator, ["x"] * count, ["z"], domain="com.microsoft"))
    assert inspect(model).parameters == 16


def test_a_graph_that_onnxruntime_fused_counts_as_before(cnn: onnx.ModelProto, tmp_path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(cnn.SerializeToString(), options, providers=["CPUExecutionProvider"])
    before, after = inspect(cnn), inspect(tmp_path / "fused.onnx")
    assert after.operators["com.microsoft:FusedConv"] > 0
    assert (after.macs, after.parameters, after.notes) == (before.macs, before.parameters, [])
