from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

import edgekit
from edgekit.errors import BundleError, ExportError, InputError, ParityError, StorageError, UsageError
from edgekit.exporting import bundle
from edgekit.exporting.agreement import Tolerance
from edgekit.exporting.cases import Cases
from edgekit.exporting.conversion import convert
from edgekit.exporting.formats import PLAIN, Form
from edgekit.exporting.verification import of_onnx, verify
from edgekit.graph import inspection, storage, versions
from edgekit.manifest import Manifest
from edgekit.signature import Tensor

GRAPH = """<ir_version: 10, opset_import: ["": 18]> g (float[N,32] x) => (float[N,32] y)
{ [first] h = MatMul(x, w) [last] y = Tanh(h) }"""
X = np.random.default_rng(1).normal(size=(3, 32)).astype(np.float32)
HALF, ORT = Form(precision="fp16"), Form("ort")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    made = onnx.parser.parse_model(GRAPH)
    weight = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    made.graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
    made.graph.node[0].doc_string = str(Path.home() / "net.py")
    path = tmp_path / "net.onnx"
    onnx.save(made, path)
    return path


@pytest.fixture
def source(bare: Path, tmp_path: Path) -> Path:
    """A bundle with a tokenizer beside, and figures that were measured."""
    (tmp_path / "tokenizer.json").write_text("{}")
    card = Manifest(
        "digits", "embedding", [Tensor.parse("x: float32[N,32]")], [Tensor.parse("y: float32[N,32]")],
        metrics={"accuracy": {"value": 0.9, "n": 10}}, latency={"p50_us": 3.0}, parity={"max_abs": 1e-7},
        provenance={"seed": 3, "export": {"head": "none"}}, requires={"onnxruntime": "1.18"},
    )  # fmt: skip
    bundle.write(tmp_path / "source", bare, card, X, {"tokenizer.json": tmp_path / "tokenizer.json"})
    return tmp_path / "source"


def test_a_bundle_becomes_one_in_onnxruntimes_format_and_answers_alike(source, tmp_path):
    done = convert(source, tmp_path / "out", ORT)
    assert sorted(done.card.files) == ["model.ort", "required_operators.config", "tokenizer.json"]
    model = edgekit.load(tmp_path / "out")
    assert model.session.metadata["edgekit.name"] == "digits"
    np.testing.assert_allclose(model(X)["y"], edgekit.load(source)(X)["y"], rtol=1e-5, atol=1e-6)
    assert done.card.requires == {"onnxruntime": versions.here(), "opset": 18, "ir": 10}
    assert done.card.provenance["form"] == {"format": "ort"}


def test_the_card_says_whose_figures_were_measured_and_on_what(source, tmp_path):
    card = convert(source, tmp_path / "out", HALF).card
    assert (card.name, card.task, card.requires["onnxruntime"]) == ("digits", "embedding", "1.18")
    assert card.metrics == card.latency == {}
    assert card.parity["with"] == "digits" and 0 < card.parity["max_abs"] < 1e-2
    was = card.provenance["converted_from"]
    assert was["metrics"]["accuracy"]["value"] == 0.9
    assert (was["latency"], was["parity"]) == ({"p50_us": 3.0}, {"max_abs": 1e-7})
    assert was["sha256"] == Manifest.read(source).files["model.onnx"]["sha256"]
    assert card.provenance["seed"] == 3
    assert card.provenance["form"]["precision"] == "fp16"


def test_a_half_of_a_bundle_may_become_ort_and_both_are_told(source, tmp_path):
    convert(source, tmp_path / "half", HALF)
    card = convert(tmp_path / "half", tmp_path / "out", ORT).card
    assert card.provenance["form"]["precision"] == "fp16" and card.provenance["form"]["format"] == "ort"


def test_a_bare_file_becomes_a_bundle_without_its_makers_traces(bare, tmp_path):
    done = convert(bare, tmp_path / "out", PLAIN, task="embedding", min_onnxruntime="1.16")
    assert (done.card.name, done.card.task) == ("net", "embedding")
    assert done.card.requires == {"onnxruntime": "1.16", "opset": 18, "ir": 9}
    assert "form" not in done.card.provenance
    assert b"net.py" not in (tmp_path / "out" / "model.onnx").read_bytes()
    np.testing.assert_array_equal(edgekit.load(tmp_path / "out")(X)["y"], edgekit.load(bare)(X)["y"])


def test_weights_in_a_file_of_their_own_are_walked_all_the_way(source, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "LIMIT", 1000)
    convert(source, tmp_path / "half", HALF)
    half = tmp_path / "half"
    card = Manifest.read(half)
    assert sorted(card.files) == ["model.onnx", "model.onnx.data", "tokenizer.json"]
    found = inspection.inspect(half / "model.onnx")
    assert found.external == {"model.onnx.data": card.files["model.onnx.data"]["bytes"]}
    np.testing.assert_allclose(edgekit.load(half)(X)["y"], edgekit.load(source)(X)["y"], atol=1e-2)
    data = half / "model.onnx.data"
    data.write_bytes(bytes(data.stat().st_size))
    with pytest.raises(BundleError, match=r"model\.onnx\.data\" was altered"):
        edgekit.load(half)
    data.unlink()
    with pytest.raises(BundleError, match=r"model\.onnx\.data\" is missing"):
        edgekit.load(half)


def test_what_cannot_be_converted_is_told_and_nothing_is_written(source, bare, tmp_path):
    convert(source, tmp_path / "mobile", ORT)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    before = sorted(path.name for path in tmp_path.iterdir())
    for given, folder, form, said, error, complaint in [
        (source, "out", PLAIN, {}, UsageError, "is an ONNX bundle already"),
        (source, "out", ORT, {"min_onnxruntime": "1.18"}, UsageError, "for the onnxruntime that writes it"),
        (source, "out", ORT, {"task": "classification"}, UsageError, "has its task and labels"),
        (bare, "out", ORT, {"task": "clasification"}, UsageError, 'there is no task "clasification"'),
        (bare, "out", PLAIN, {"min_onnxruntime": "1.13"}, ExportError, "older than the oldest"),
        (tmp_path / "mobile", "out", HALF, {}, BundleError, "is in onnxruntime's own format"),
        (source, "mine", ORT, {}, StorageError, "is there, and is no bundle"),
        (tmp_path / "gone.onnx", "out", ORT, {}, BundleError, "there is no bundle and no ONNX file"),
    ]:
        with pytest.raises(error, match=complaint):
            convert(given, tmp_path / folder, form, **said)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_what_the_source_itself_cannot_answer_is_told_with_what_to_say(tmp_path):
    text = "g (float[N,T] x) => (float[N,6] y) { y = Reshape(x, s) }"
    made = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {text}')
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([-1, 6]), "s"))
    onnx.save(made, tmp_path / "net.onnx")
    with pytest.raises(InputError, match=r'net\.onnx": the model cannot run') as caught:
        convert(tmp_path / "net.onnx", tmp_path / "out", ORT)
    assert "--range T=16..64" in str(caught.value.hint)
    inputs = [Tensor.parse("x: float32[N,T]")]
    done = convert(tmp_path / "net.onnx", tmp_path / "out", ORT, Cases(inputs, sizes={"T": (6, 12)}))
    assert done.card.parity["max_abs"] == 0


def test_a_bundle_that_was_altered_is_not_converted(source, tmp_path):
    path = source / "model.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match="was altered"):
        convert(source, tmp_path / "out", ORT)


def test_half_is_verified_by_what_float16_is_allowed_unless_told_otherwise(source, tmp_path):
    convert(source, tmp_path / "half", HALF)
    subjects = of_onnx("whole", source), of_onnx("half", tmp_path / "half")
    cases = Cases(subjects[0].inputs, {"x": np.repeat(X, 3, 0)})
    assert verify(*subjects, cases).outputs["y"].atol == 1e-2
    assert verify(*subjects[::-1], cases).outputs["y"].atol == 1e-2
    with pytest.raises(ParityError, match='it begins at MatMul "first"'):
        verify(*subjects, cases, Tolerance(1e-6, 1e-6))
