import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit import files
from edgekit.errors import BundleError, UsageError
from edgekit.manifest import FILE, MODEL, Manifest
from edgekit.measuring.subjects import of_call, of_onnx
from edgekit.signature import Tensor


def test_a_file_says_what_it_is(model):
    table = "<float[3,2] t = {1, 2, 3, 4, 5, 6}>"
    path = model("tiny.onnx", f"g (int64[N] ids) => (float[N,2] y) {table} {{ y = Gather(t, ids) }}")
    subject = of_onnx("tiny", path)
    assert (subject.name, subject.kind, subject.files, subject.own) == ("tiny", "onnx", [path], False)
    assert subject.sha256 == files.sha256(path) and subject.bytes == path.stat().st_size
    assert subject.precision == "fp32" and subject.rows == {"ids": 3}


def test_an_opened_copy_runs_on_the_feeds_and_says_where(model):
    opened = of_onnx("m", model()).open("cpu", 2)
    assert (opened.device, opened.threads, opened.placement) == ("cpu", 2, {"cpu": 1})
    assert list(opened.options) == ["CPUExecutionProvider"]
    call = opened.prepared({"x": np.array([[-1, 2, -3, 4]], np.float32)})
    assert call()["y"].tolist() == [[0, 2, 0, 4]]


def test_of_a_bundle_the_model_counts_and_damage_is_seen(tmp_path, model):
    path = model(f"bundle/{MODEL}")
    tensors = [Tensor.parse(f"{name}: float32[N,4]") for name in "xy"]
    said = {MODEL: {"sha256": files.sha256(path), "bytes": path.stat().st_size}}
    card = Manifest("tiny", "classification", tensors[:1], tensors[1:], files=said)
    files.write_sealed(path.parent / FILE, card.to_dict())
    subject = of_onnx("b", path.parent)
    assert subject.files == [path] and subject.sha256 == files.sha256(path) and subject.open("cpu", 1).inputs
    path.write_bytes(path.read_bytes().replace(b"Relu", b"Tanh"))
    with pytest.raises(BundleError, match="was altered"):
        of_onnx("b", path.parent)


@pytest.mark.parametrize(("said", "length"), [({"max_length": 48}, 48), ({}, 32)], ids=["card", "typical"])
def test_the_card_of_a_bundle_says_how_long_its_texts_may_be(tmp_path, model, said, length):
    path = model(f"bundle/{MODEL}", "g (int64[N,T] ids) => (int64[N,T] y) { y = Identity(ids) }")
    (path.parent / "tokenizer.json").write_text("{}")
    held = {each.name: {"sha256": files.sha256(each), "bytes": each.stat().st_size} for each in path.parent.iterdir()}
    tensors = [Tensor.parse(f"{name}: int64[N,T]") for name in ("ids", "y")]
    card = Manifest("t", "text-classification", tensors[:1], tensors[1:], preprocessing=said, files=held)
    files.write_sealed(path.parent / FILE, card.to_dict())
    assert of_onnx("b", path.parent).lengths == {"T": length}
    assert not of_onnx("m", path).lengths


def test_weights_in_files_of_their_own_count_and_are_part_of_the_hash(tmp_path):
    numbers = ", ".join(map(str, range(300)))
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N,300] x) => (float[N,300] y)'
        f"<float[300] w = {{{numbers}}}> {{ y = Add(x, w) }}"
    )
    for tensor in model.graph.initializer:
        tensor.raw_data = onnx.numpy_helper.to_array(tensor).tobytes()
        tensor.ClearField("float_data")
    path = tmp_path / "m.onnx"
    onnx.save(model, path, save_as_external_data=True, location="m.data", size_threshold=0)
    before = of_onnx("m", path)
    assert before.files == [path, tmp_path / "m.data"]
    assert before.bytes == path.stat().st_size + 1200
    (tmp_path / "m.data").write_bytes(bytes(1200))
    assert of_onnx("m", path).sha256 != before.sha256


def test_a_path_where_nothing_is_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"there is no model .*gone\.onnx"):
        of_onnx("m", tmp_path / "gone.onnx")


def test_a_function_without_arguments_is_called_as_it_is():
    seen = []
    subject = of_call("mine", lambda flag=True: seen.append(flag))
    opened = subject.open("cuda", 8)
    assert (subject.kind, subject.own, subject.sha256) == ("callable", True, None)
    assert (opened.device, opened.threads, list(opened.inputs)) == ("own", 0, [])
    opened.prepared({})()
    assert seen == [True]


def test_a_function_with_arguments_gets_the_arrays_in_order():
    inputs = [Tensor.parse("a: float32[N]"), Tensor.parse("b: float32[N]")]
    opened = of_call("mine", lambda x, y: (x, y), inputs).open("cpu", 1)
    assert opened.inputs == inputs and opened.prepared({"b": 2, "a": 1})() == (1, 2)


def test_a_function_of_which_nothing_says_what_it_takes_is_refused():
    with pytest.raises(UsageError, match='"mine" takes arrays, and nothing says which'):
        of_call("mine", lambda x: x)
