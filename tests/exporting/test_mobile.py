from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.errors import ExportError
from edgekit.exporting import mobile
from edgekit.graph import storage
from edgekit.runtime.session import open_session

GRAPH = """<ir_version: 8, opset_import: ["": 17]> g (float[N,1,3,3] x) => (float[N,2,3,3] y)
<float[2,1,1,1] w = {2.0, 3.0}> { h = Conv(x, w) y = Relu(h) }"""


@pytest.fixture
def graph() -> onnx.ModelProto:
    return onnx.parser.parse_model(GRAPH)


def test_the_file_answers_and_lists_its_operators_and_no_folder_of_its_maker(graph, tmp_path):
    onnx.helper.set_model_props(graph, {"edgekit.task": "custom"})
    path = mobile.write(graph, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model.ort", "required_operators.config"]
    session = open_session(path)
    x = np.linspace(-1, 1, 9, dtype=np.float32).reshape(1, 1, 3, 3)
    np.testing.assert_allclose(session.run({"x": x})["y"][0, 1], np.maximum(3 * x[0, 0], 0), rtol=1e-6)
    assert session.metadata == {"edgekit.task": "custom"}
    assert (tmp_path / mobile.OPERATORS).read_text() == "com.microsoft;1;FusedConv\n"


def test_what_onnxruntime_refuses_is_told_with_its_reason(graph, tmp_path):
    graph.graph.node[0].op_type = "Convulve"
    with pytest.raises(ExportError, match=r"cannot write it in its own format: .*Convulve"):
        mobile.write(graph, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_weights_that_no_ort_file_holds_are_refused(graph, tmp_path, monkeypatch):
    graph.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.ones((2, 1, 1, 1), np.float32), "w"))
    monkeypatch.setattr(storage, "LIMIT", 7)
    with pytest.raises(ExportError, match=r"the weights are 8 bytes, and a \.ort file holds 7 at most"):
        mobile.write(graph, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_printed_and_the_callers_logging_stays_as_it_was(graph, tmp_path):
    (tmp_path / "m.onnx").write_bytes(graph.SerializeToString())
    script = f"""
import logging, pathlib, onnx
from edgekit.exporting import mobile
mobile.write(onnx.load({str(tmp_path / "m.onnx")!r}), pathlib.Path({str(tmp_path)!r}))
assert logging.root.handlers == [] and logging.root.manager.disable == 0
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert logging.root.manager.disable == 0
