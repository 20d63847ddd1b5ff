from __future__ import annotations

import compileall

import numpy as np
import onnx.parser
import pytest

from edgekit.errors import EdgekitError, ExportError, StorageError, UsageError
from edgekit.exporting import bundle, repository, triton
from edgekit.exporting.triton import Serving
from edgekit.manifest import Manifest
from edgekit.runtime.bundle import load
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

NET = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N,3] x) => (float[N,2] probabilities)
<float[3,2] w = {WEIGHTS}>
{ y = MatMul(x, w)
  probabilities = Softmax(y) }
"""


@pytest.fixture
def made(tmp_path):
    """Write a bundle of a small classifier; other weights make another model."""

    def make(folder: str = "bundle", weights=(1, 2, 3, 4, 5, 6), outputs: str = "probabilities"):
        model = onnx.parser.parse_model(
            NET.replace("WEIGHTS", ", ".join(map(str, weights))).replace("probabilities", outputs)
        )
        onnx.save(model, tmp_path / "net.onnx")
        tensors = [Tensor.parse("x: float32[N,3]")], [Tensor.parse(f"{outputs}: float32[N,2]")]
        card = Manifest("net", "classification", *tensors, labels=["no", "yes"], requires={"onnxruntime": "1.20"})
        bundle.write(tmp_path / folder, tmp_path / "net.onnx", card, np.eye(3, dtype=np.float32))
        return tmp_path / folder

    return make


def test_a_bundle_becomes_a_version_that_answers_as_it_does_to_what_the_configuration_promises(made, tmp_path):
    real = {"x": np.array([[0.5, -1.0, 2.0], [1, 1, 1]], np.float32)}
    done = repository.write(made(), tmp_path / "models", Serving(max_batch=4), real)
    assert (done.folder.name, done.version, done.known, done.warmed) == ("net", 1, False, True)
    assert done.checked == (triton.schema() is not None)
    # As the server does: the raw file in the shape that the configuration says, as many times as the batch is large.
    one = np.frombuffer((done.folder / "warmup/x.raw").read_bytes(), np.float32).reshape(1, 3)
    assert np.array_equal(one, real["x"][:1])
    served = open_session(done.folder / "1/model.onnx").run({"x": np.repeat(one, 4, axis=0)})
    assert np.array_equal(
        served["probabilities"], load(tmp_path / "bundle")({"x": np.repeat(one, 4, axis=0)})["probabilities"]
    )
    assert (done.folder / "labels.txt").read_text() == "no\nyes\n"
    assert 'input_data_file: "x.raw"' in (done.folder / "config.pbtxt").read_text()
    assert compileall.compile_file(done.folder / "client.py", quiet=1)


def test_another_model_is_the_next_version_and_the_same_one_is_found_again(made, tmp_path):
    first, second = made("one"), made("two", weights=(6, 5, 4, 3, 2, 1))
    told = [repository.write(source, tmp_path / "models", Serving()) for source in (first, second, first, second)]
    assert [(done.version, done.known) for done in told] == [(1, False), (2, False), (1, True), (2, True)]
    assert sorted(each.name for each in (tmp_path / "models/net").glob("[0-9]*")) == ["1", "2"]


def test_a_version_that_is_another_model_is_not_written_over(made, tmp_path):
    repository.write(made("one"), tmp_path / "models", Serving(version=3))
    with pytest.raises(UsageError, match=r"version 3 of .net. is another model"):
        repository.write(made("two", weights=(0, 0, 0, 0, 0, 1)), tmp_path / "models", Serving(version=3))


def test_a_model_that_answers_something_else_cannot_be_a_version_of_it(made, tmp_path):
    repository.write(made("one"), tmp_path / "models", Serving())
    before = (tmp_path / "models/net/config.pbtxt").read_text()
    with pytest.raises(ExportError, match="take or answer something else"):
        repository.write(made("two", outputs="scores"), tmp_path / "models", Serving())
    assert (tmp_path / "models/net/config.pbtxt").read_text() == before
    assert not (tmp_path / "models/net/2").exists()


def test_what_is_there_and_no_repository_is_left_alone(made, tmp_path):
    (tmp_path / "models/net").mkdir(parents=True)
    (tmp_path / "models/net/mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="no model of a repository"):
        repository.write(made(), tmp_path / "models", Serving())
    with pytest.raises(StorageError, match="is a bundle"):
        repository.write(made(), made("other"), Serving())


def test_examples_that_the_model_does_not_take_are_refused(made, tmp_path):
    with pytest.raises(UsageError, match="the model takes"):
        repository.write(made(), tmp_path / "models", Serving(), {"x": np.zeros((2, 4), np.float32)})
    assert not (tmp_path / "models").exists()


def test_a_damaged_bundle_is_refused(made, tmp_path):
    source = made()
    (source / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(EdgekitError):
        repository.write(source, tmp_path / "models", Serving())
    assert not (tmp_path / "models").exists()
