from __future__ import annotations

import compileall

import numpy as np
import onnx.parser
import pytest

from edgekit.errors import EdgekitError, ExportError, InputError, StorageError, UsageError
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


def test_a_configuration_that_was_changed_by_hand_stays_as_it_is(made, tmp_path):
    done = repository.write(made("one"), tmp_path / "models", Serving())
    path = done.folder / "config.pbtxt"
    path.write_text(path.read_text().replace("max_batch_size: 32", "max_batch_size: 7"))
    done = repository.write(made("two", weights=(6, 5, 4, 3, 2, 1)), tmp_path / "models", Serving(max_batch=4))
    assert "max_batch_size: 7" in path.read_text()
    assert done.version == 2 and "config.pbtxt was changed by hand, and is left as it is" in done.notes
    untouched = repository.write(made("one"), tmp_path / "others", Serving())
    repository.write(made("two"), tmp_path / "others", Serving(max_batch=4))
    assert "max_batch_size: 4" in (untouched.folder / "config.pbtxt").read_text()


MIXED = """
<ir_version: 8, opset_import: ["" : 17]>
net (float[N,3] x) => (float[N,3] y)
{ largest = ReduceMax<keepdims = 1>(x)
  y = Div(x, largest) }
"""


def test_a_model_whose_rows_change_each_others_answers_is_not_joined(tmp_path):
    onnx.save(onnx.parser.parse_model(MIXED), tmp_path / "mixed.onnx")
    real = {"x": np.array([[1, 2, 3], [4, 5, 6]], np.float32)}
    done = repository.write(tmp_path / "mixed.onnx", tmp_path / "models", Serving(), real)
    text = (done.folder / "config.pbtxt").read_text()
    assert "dynamic_batching" not in text and "max_batch_size: 32" in text
    assert done.notes == ("a row's answer changes with the rows beside it: the server does not join requests",)


SHORT = """
<ir_version: 8, opset_import: ["" : 17]>
net (int64[N,T] ids) => (float[N,T] y)
<int64[1] zero = {0}, int64[1] one = {1}, float[5] places = {1, 2, 3, 4, 5}>
{ shape = Shape(ids)
  length = Slice(shape, one, two)
  seen = Slice(places, zero, length)
  numbers = Cast<to = 1>(ids)
  y = Add(numbers, seen) }
"""


def test_zeros_are_as_long_as_the_model_was_proved_on_and_were_answered_here(tmp_path):
    text = SHORT.replace("float[5] places", "int64[1] two = {2}, float[5] places")
    onnx.save(onnx.parser.parse_model(text), tmp_path / "short.onnx")
    tensors = [Tensor.parse("ids: int64[N,T]")], [Tensor.parse("y: float32[N,T]")]
    card = Manifest("short", "custom", *tensors, requires={"onnxruntime": "1.20"})
    card.parity = {"cases": [{"N": 1, "T": 2}, {"N": 2, "T": 5}]}
    bundle.write(tmp_path / "short", tmp_path / "short.onnx", card, np.zeros((1, 5), np.int64))
    done = repository.write(tmp_path / "short", tmp_path / "models", Serving())
    assert "dims: [5]" in (done.folder / "config.pbtxt").read_text()
    with pytest.raises(InputError, match=r"short.onnx"):  # nothing is known of it, and 9 are too many
        repository.write(tmp_path / "short.onnx", tmp_path / "models", Serving(name="bare"))


@pytest.mark.parametrize("name", ["..", "a/b", "a b", ".hidden", "ü"])
def test_a_name_that_is_no_folder_of_a_server_is_refused(made, tmp_path, name):
    with pytest.raises(UsageError, match="cannot name a model"):
        repository.write(made(), tmp_path / "models", Serving(name=name))
    assert not (tmp_path / "models").exists()


def test_labels_that_are_no_lines_stay_in_the_manifest(tmp_path):
    model = onnx.parser.parse_model(NET.replace("WEIGHTS", "1, 2, 3, 4, 5, 6"))
    onnx.save(model, tmp_path / "net.onnx")
    tensors = [Tensor.parse("x: float32[N,3]")], [Tensor.parse("probabilities: float32[N,2]")]
    card = Manifest("net", "classification", *tensors, labels=["\n", "a"], requires={"onnxruntime": "1.20"})
    bundle.write(tmp_path / "net", tmp_path / "net.onnx", card, np.eye(3, dtype=np.float32))
    done = repository.write(tmp_path / "net", tmp_path / "models", Serving())
    assert not (done.folder / "labels.txt").exists()
    assert "label_filename" not in (done.folder / "config.pbtxt").read_text()
