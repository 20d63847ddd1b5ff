from __future__ import annotations

import onnxruntime
import pytest

from edgekit.runtime.devices import wheels


def test_the_installed_wheel_is_found_with_its_version() -> None:
    assert list(wheels.installed().values()) == [onnxruntime.__version__]


@pytest.mark.parametrize(
    ("there", "wanted", "line"),
    [
        ({}, None, 'pip install "edgekit-onnx[cpu]"'),
        ({}, "onnxruntime-gpu", 'pip install "edgekit-onnx[gpu]"'),
        (
            {"onnxruntime": "1"},
            "onnxruntime-gpu",
            'pip uninstall -y onnxruntime && pip install "edgekit-onnx[gpu]"',
        ),
        (
            {"onnxruntime": "1", "onnxruntime-gpu": "2"},
            "onnxruntime-gpu",
            'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "edgekit-onnx[gpu]"',
        ),
        (
            {"onnxruntime": "1", "onnxruntime-openvino": "2"},
            None,
            'pip uninstall -y onnxruntime onnxruntime-openvino && pip install "edgekit-onnx[openvino]"',
        ),
    ],
    ids=["none", "none-gpu-wanted", "another", "clash", "clash-nothing-wanted"],
)
def test_after_the_line_that_is_told_one_wheel_is_left(there: dict[str, str], wanted: str | None, line: str) -> None:
    assert wheels.mend(there, wanted) == line


def test_wheels_are_told_with_their_versions() -> None:
    assert wheels.tell({"onnxruntime": "1.2", "onnxruntime-gpu": "1.1"}) == "onnxruntime 1.2, onnxruntime-gpu 1.1"
