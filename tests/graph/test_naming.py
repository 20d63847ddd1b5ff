from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edgekit.errors import BundleError
from edgekit.graph.naming import with_input
from edgekit.runtime.session import open_session

TWICE = """<ir_version: 8, opset_import: ["": 17]>
agraph (float[N] x) => (float[N] y) <float two = {2.0}> { y = Mul(x, two) }"""


@pytest.mark.parametrize("name", ["x", "input"], ids=["its own", "another"])
def test_a_model_is_fed_by_the_name_asked_for_and_answers_alike(tmp_path: Path, name: str) -> None:
    path = tmp_path / "twice.onnx"
    onnx.save(onnx.parser.parse_model(TWICE), path)
    model = with_input(path, name)
    assert len(model.graph.node) == (1 if name == "x" else 2)
    answer = open_session(model.SerializeToString()).run({name: np.ones(3, np.float32)})
    assert answer["y"].tolist() == [2, 2, 2]


def test_a_name_that_is_taken_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.onnx"
    onnx.save(onnx.parser.parse_model(TWICE), path)
    with pytest.raises(BundleError):
        with_input(path, "y")
