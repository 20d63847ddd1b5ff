"""Files as other people's exporters write them, of every age, and damaged ones."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper

from edgekit.errors import BundleError
from edgekit.graph.description import Description
from edgekit.graph.inspection import inspect

Parse = Callable[..., onnx.ModelProto]
HEAD = '<ir_version: 10, opset_import: ["": 21, "com.microsoft": 1]>'


def weight(*shape: int, dtype: type = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def described(model: onnx.ModelProto | Path) -> Description:
    """Describe, and see that it is JSON."""
    found = inspect(model)
    json.dumps(dataclasses.asdict(found), allow_nan=False)
    return found


def small(opset: int, ir: int) -> onnx.ModelProto:
    """Return a convolution, a reshape and a product, as a file of that opset would hold them."""
    shape = onnx.numpy_helper.from_array(np.array([-1, 4 * 6 * 6]), "shape")
    nodes = [
        helper.make_node("Conv", ["in:0", "kernel"], ["c"], name="conv:0"),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Reshape", ["r", "shape"], ["f"]),
        helper.make_node("MatMul", ["f", "matrix"], ["out:0"]),
    ]
    weights = [
        onnx.numpy_helper.from_array(weight(4, 3, 3, 3), "kernel"),
        onnx.numpy_helper.from_array(weight(144, 10), "matrix"),
        shape,
    ]
    feed = helper.make_tensor_value_info("in:0", TensorProto.FLOAT, ["batch", 3, 8, 8])
    answer = helper.make_tensor_value_info("out:0", TensorProto.FLOAT, ["batch", 10])
    # Before IR 4 every weight was an input too.
    listed = [helper.make_tensor_value_info(each.name, each.data_type, list(each.dims)) for each in weights]
    graph = helper.make_graph(nodes, "small", [feed, *(listed if ir < 4 else ())], [answer], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


@pytest.mark.parametrize("opset", range(7, onnx.defs.onnx_opset_version() + 1))
def test_any_opset(opset: int) -> None:
    found = described(small(opset, helper.find_min_ir_version_for([helper.make_opsetid("", opset)], True)))
    assert found.macs == 36 * 4 * 27 + 144 * 10
    assert found.parameters == 4 * 27 + 144 * 10
    assert (found.opset, found.inputs) == (opset, ["in:0: float32[batch,3,8,8]"])
    assert found.dynamic == {"batch": ["in:0[0]", "out:0[0]"]}
    assert [layer.name for layer in found.layers] == ["conv:0", "MatMul_3"]
    assert found.notes == []


@pytest.mark.parametrize("ir", range(3, onnx.IR_VERSION + 1))
def test_any_version_of_the_format(ir: int) -> None:
    found = described(small(7, ir))
    assert (found.ir, found.macs, found.inputs) == (ir, 5328, ["in:0: float32[batch,3,8,8]"])


@pytest.mark.parametrize("dimension", [-1, 0, None], ids=["minus one", "nought", "missing"])
def test_a_batch_that_is_written_as(dimension: int | None) -> None:
    model = small(13, 7)
    first = model.graph.input[0].type.tensor_type.shape.dim[0]
    first.Clear()
    if dimension is not None:
        first.dim_value = dimension
    found = described(model)
    assert found.inputs == ["in:0: float32[?,3,8,8]"]
    assert found.macs == 5328
    assert found.dynamic == {"?": ["in:0[0]"], "batch": ["out:0[0]"]}


def test_no_shapes_at_all_leave_unknown_what_needs_them() -> None:
    model = small(13, 7)
    model.graph.input[0].type.tensor_type.ClearField("shape")
    model.graph.output[0].type.tensor_type.ClearField("shape")
    found = described(model)
    assert found.inputs == ["in:0: float32[...]"]
    # The reshape says what comes after it: [-1, 144] is known but for its batch.
    assert found.macs is None and found.macs_known == 0
    assert found.parameters == 1548
    assert found.notes == ['MACs unknown for "conv:0", "MatMul_3": a shape is not told, or does not fit']


def test_weights_in_other_files_are_listed_and_missed(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save_model(small(13, 8), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    stored = (tmp_path / "w.bin").stat().st_size
    found = described(path)
    assert found.external == {"w.bin": stored}
    assert found.macs == 5328  # the shape of the reshape lies in the other file too
    (tmp_path / "w.bin").unlink()
    found = described(path)
    assert found.external == {"w.bin": None}
    assert found.notes[0] == "weights are missing: w.bin"
    assert (found.parameters, found.layers[0].macs) == (1548, 3888)


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/hostname"])
def test_weights_that_lie_elsewhere_are_not_looked_at(place: str, tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    model = small(13, 8)
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    (tmp_path / "inner").mkdir()
    onnx.save(model, tmp_path / "inner" / "model.onnx")
    found = described(tmp_path / "inner" / "model.onnx")
    assert found.external == {place: None}
    assert found.bytes == (tmp_path / "inner" / "model.onnx").stat().st_size


def test_bytes_that_were_changed_give_a_description_or_an_error_of_the_user(
    cnn: onnx.ModelProto, tmp_path: Path
) -> None:
    whole = bytearray(cnn.SerializeToString())
    drawn, path, refused = random.Random(0), tmp_path / "model.onnx", 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(drawn.randint(1, 4)):
            damaged[drawn.randrange(len(damaged))] = drawn.randrange(256)
        path.write_bytes(damaged[: drawn.choice([len(damaged), drawn.randrange(len(damaged))])])
        try:
            described(path)
        except BundleError as error:
            refused += 1
            assert str(path) in str(error)
    assert 0 < refused < 150
