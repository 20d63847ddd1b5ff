from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx.parser
import pytest

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'
RELU = "g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """Write an ONNX file of the text of a graph."""

    def write(name: str = "m.onnx", text: str = RELU) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(onnx.parser.parse_model(HEAD + text).SerializeToString())
        return path

    return write
