from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgekit.runtime.session import open_session
from edgekit.runtime.tracing import OPTIMIZED


@pytest.fixture
def relu(tmp_path: Path) -> Path:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[2] x) => (float[2] y) { [first] a = Exp(x) y = Relu(a) }'
    )
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_a_traced_session_leaves_its_runs_and_the_graph_that_ran(relu: Path, tmp_path: Path) -> None:
    (tmp_path / "trace").mkdir()
    session = open_session(relu, threads=1, trace=str(tmp_path / "trace"))
    for _ in range(3):
        session.run({"x": np.ones(2, np.float32)})
    written = json.loads(Path(session.end_trace()).read_text())
    assert [each["name"] for each in written].count("model_run") == 3
    assert [each["name"] for each in written].count("first_kernel_time") == 3
    assert [node.op_type for node in onnx.load(tmp_path / "trace" / OPTIMIZED).graph.node] == ["Exp", "Relu"]


def test_any_other_session_leaves_nothing(
    relu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    open_session(relu, threads=1).run({"x": np.ones(2, np.float32)})
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert capfd.readouterr() == ("", "")


def test_tracing_is_silent(relu: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    session = open_session(relu, threads=1, trace=str(tmp_path))
    session.run({"x": np.ones(2, np.float32)})
    session.end_trace()
    del session
    assert capfd.readouterr() == ("", "")
