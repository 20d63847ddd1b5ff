from __future__ import annotations

import onnx.helper
import onnx.parser
import pytest

from edgekit.errors import EdgekitError, ExportError, UsageError
from edgekit.graph import versions


@pytest.mark.parametrize(
    ("minimum", "opset", "ir"),
    [("1.14", 18, 8), ("1.15.1", 19, 8), ("1.16", 19, 9), ("1.17", 20, 9), ("1.20", 21, 10), ("1.20.1", 21, 10)],
)
def test_a_version_says_what_it_reads(minimum, opset, ir):
    assert versions.reads(minimum) == (opset, ir)


@pytest.mark.parametrize(
    ("minimum", "error", "said"),
    [
        ("new", UsageError, '"new" is no version of onnxruntime'),
        ("1.", UsageError, '"1." is no version'),
        ("1.13", ExportError, r"1\.13 is older than the oldest that edgekit exports for, 1\.14$"),
        ("99.0", ExportError, "onnxruntime 99.0 is newer than this one"),
    ],
)
def test_an_impossible_version_is_refused(minimum: str, error: type[EdgekitError], said: str):
    with pytest.raises(error, match=said):
        versions.reads(minimum)


def model(opset: int, ir: int):
    return onnx.parser.parse_model(
        f'<ir_version: {ir}, opset_import: ["": {opset}]> g (float[N] x) => (float[N] y) {{ y = Neg(x) }}'
    )


def test_a_file_gets_an_ir_that_the_version_reads():
    made = model(17, 11)
    assert versions.fit(made, "1.16", "a.onnx") == "1.16"
    assert made.ir_version == 9
    assert versions.fit(made, None, "a.onnx") == versions.DEFAULT
    assert made.ir_version == 9


def test_a_file_of_a_newer_opset_requires_more_or_is_refused_for_less():
    assert versions.fit(model(22, 10), None, "a.onnx") == "1.21"
    assert versions.fit(model(23, 10), None, "a.onnx") == versions.here()
    with pytest.raises(ExportError, match=r'"a\.onnx" has opset 21, and onnxruntime 1.16 reads up to 19') as caught:
        versions.fit(model(21, 9), "1.16", "a.onnx")
    assert caught.value.hint == "it loads from onnxruntime 1.18 on; for older ones export it anew, from PyTorch"
