from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.errors import ExportError, ParityError, UsageError
from edgekit.exporting import formats, mobile
from edgekit.exporting.cases import Cases
from edgekit.exporting.formats import PLAIN, Form, reform
from edgekit.exporting.proof import run
from edgekit.graph import halving, versions
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

HEAD = '<ir_version: 8, opset_import: ["": 17]> g '
HALF, ORT = Form(precision="fp16"), Form("ort")
TEXT = "(float[N,32] x) => (float[N,8] y) { [first] h = MatMul(x, w) [last] y = Tanh(h) }"
INPUTS = [Tensor.parse("x: float32[N,32]")]


@pytest.fixture
def model(tmp_path: Path):
    def make(text: str = TEXT, **more: Any):
        made = onnx.parser.parse_model(HEAD + text)
        weight = np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32)
        weights = {"w": weight, **more}
        made.graph.initializer.extend(onnx.numpy_helper.from_array(v, name) for name, v in weights.items())
        path = tmp_path / "model.onnx"
        path.write_bytes(made.SerializeToString())
        return path

    return make


def reformed(path: Path, form: Form, cases: Cases | None = None) -> formats.Formed:
    return reform(path, form, cases or Cases(INPUTS), run(open_session(path)), "PyTorch")


def test_half_of_the_bytes_answer_within_what_float16_is_allowed(model):
    path = model()
    formed = reformed(path, HALF)
    assert formed.bytes and formed.bytes[1] < 0.75 * formed.bytes[0]
    assert 0 < formed.parity.max_abs < 1e-2
    assert formed.parity.outputs["y"].dtype == "float32" and formed.parity.outputs["y"].atol == 1e-2
    assert formed.to_dict() == {"precision": "fp16", "bytes": list(formed.bytes), "kept_fp32": []}
    assert [str(each) for each in open_session(formed.model).inputs] == ["x: float32[N,32]"]


def test_onnxruntimes_own_format_is_written_from_the_same_file(model):
    path = model()
    formed = reformed(path, ORT)
    assert (formed.model, formed.bytes, formed.kept) == (path, None, [])
    assert formed.to_dict() == {"format": "ort"}


def test_real_examples_beyond_the_cases_are_looked_at_too(model):
    text = "(float[N,32] x) => (float[N,8] y) { [square] s = Mul(x, x) [root] r = Sqrt(s) [last] y = MatMul(r, w) }"
    given = np.ones((20, 32), np.float32)
    path = model(text, w=np.random.default_rng(0).normal(size=(32, 8)).astype(np.float32) / 100)
    assert reformed(path, HALF, Cases(INPUTS, {"x": given})).kept == []
    given[15] = 400  # the proof's batches hold the first seven
    kept = reformed(path, HALF, Cases(INPUTS, {"x": given})).kept
    assert [(each.node, each.reason) for each in kept] == [
        ("square", '"s" reaches 1.6e+05'), ("root", '"s" reaches 1.6e+05')
    ]  # fmt: skip


def test_a_half_that_is_no_smaller_is_refused_with_what_stays_whole(model):
    with pytest.raises(ExportError) as caught:
        reformed(model(w=np.full((32, 8), 1e6, np.float32)), HALF)
    assert "in fp16 it is no smaller" in str(caught.value)
    assert 'in float32 stay MatMul "first": "w" reaches 1e+06' in str(caught.value)
    with pytest.raises(ExportError, match="it has few weights, or none in float32"):
        path = model("(int64[N,32] x) => (int64[N,32] y) { y = Neg(x) }")
        reformed(path, HALF, Cases([Tensor.parse("x: int64[N,32]")]))


def test_a_half_that_differs_is_refused_with_the_node_where_it_begins(model, monkeypatch):
    def broken(whole: onnx.ModelProto, batches: Any) -> halving.Halved:
        found = halving.halve(whole, batches)
        (weight,) = (each for each in found.model.graph.initializer if each.name == "w")
        weight.CopyFrom(onnx.numpy_helper.from_array(np.ones((32, 8), np.float16), "w"))
        return found

    monkeypatch.setattr(formats, "halve", broken)
    with pytest.raises(ParityError) as caught:
        reformed(model(), HALF)
    assert 'it begins at MatMul "first"' in str(caught.value)
    assert "PyTorch gives" in str(caught.value) and "0.01 + 0.01 of it is allowed" in str(caught.value)


def test_a_file_in_onnxruntimes_format_that_differs_is_refused_with_the_node(model, monkeypatch):
    write = mobile.write

    def broken(whole: onnx.ModelProto, folder: Path) -> Path:
        other = onnx.ModelProto()
        other.CopyFrom(whole)
        other.graph.node[0].input[1] = "v"
        return write(other, folder)

    monkeypatch.setattr(mobile, "write", broken)
    path = model(v=np.ones((32, 8), np.float32))
    with pytest.raises(ParityError, match='output "y"') as caught:
        reformed(path, ORT)
    assert 'it begins at MatMul "first"' in str(caught.value)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (("tflite", "fp32"), 'there is no format "tflite"'),
        (("onnx", "fp8"), 'there is no precision "fp8"'),
        (("ort", "fp16"), "and that is not float16"),
    ],
)
def test_a_form_that_does_not_exist_is_refused(said, complaint):
    with pytest.raises(UsageError, match=complaint):
        Form(*said)


def test_onnxruntimes_format_needs_the_version_that_writes_it_and_no_other_may_be_asked_for():
    assert PLAIN.needs(None) is None and PLAIN.needs("1.20") == "1.20"
    assert ORT.needs(None) == ORT.needs(versions.here()) == versions.here()
    with pytest.raises(UsageError, match=rf"for the onnxruntime that writes it, {versions.here()}, and newer"):
        ORT.needs("1.14")
    with pytest.raises(UsageError, match='"new" is no version'):
        ORT.needs("new")
