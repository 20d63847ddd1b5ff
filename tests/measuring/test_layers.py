"""Layers are found again in the graph that ran, whatever the runtime fused and renamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.graph.quantization import quantize_static
from edgekit.measuring.layers import by_layer

# A residual block: the second convolution, the addition and the last Relu become one node with a name of its own.
BLOCK = """<ir_version: 8, opset_import: ["" : 17]>
block (float[N,16,8,8] x) => (float[N,16,8,8] y) {
  first = Conv <kernel_shape = [3,3], pads = [1,1,1,1]> (x, conv1)
  early = Relu (first)
  second = Conv <kernel_shape = [3,3], pads = [1,1,1,1]> (early, conv2)
  beside = Conv <kernel_shape = [1,1]> (x, shortcut)
  sum = Add (second, beside)
  y = Relu (sum)
}"""
FEEDS = {"x": np.random.default_rng(0).standard_normal((1, 16, 8, 8), dtype=np.float32)}


@pytest.fixture
def block(tmp_path: Path) -> Path:
    model = onnx.parser.parse_model(BLOCK)
    draw = np.random.default_rng(0)
    for node in model.graph.node:
        node.name = f"node_{node.output[0]}"
        if node.op_type == "Conv":
            layer, size = node.input[1], node.attribute[0].ints[0]
            node.input[1] = f"net.{layer}.weight"  # text has no dots in names
            weight = draw.standard_normal((16, 16, size, size), dtype=np.float32) / 12
            model.graph.initializer.append(onnx.numpy_helper.from_array(weight, node.input[1]))
    path = tmp_path / "block.onnx"
    onnx.save(model, path)
    return path


def test_every_layer_has_its_time_before_and_after_and_all_else_is_the_last(block: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin.onnx"
    quantize_static(block, twin, [FEEDS], exclude=["node_beside"])
    rows = by_layer(block, twin, FEEDS, seconds=0.05)
    assert [(row["layer"], row["nodes"]) for row in rows] == [
        ("net.conv1", ["node_first"]),
        ("net.conv2", ["node_second"]),
        ("net.shortcut", ["node_beside"]),
        (None, []),
    ]
    assert [row["int8"] for row in rows] == [True, True, False, False]
    assert all(row["before_us"] > 0 and row["after_us"] > 0 for row in rows[:2])


def test_two_models_without_a_layer_in_common_have_nothing_to_compare(block: Path, tmp_path: Path) -> None:
    other = onnx.load(block)
    for tensor in other.graph.initializer:
        tensor.name = tensor.name.replace("net.", "another.")
    for node in other.graph.node:
        node.input[:] = [name.replace("net.", "another.") for name in node.input]
    onnx.save(other, tmp_path / "other.onnx")
    assert by_layer(block, tmp_path / "other.onnx", FEEDS, seconds=0.02) == []
