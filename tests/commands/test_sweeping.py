import numpy as np
import pytest

from edgekit.commands import sweeping
from edgekit.errors import DataError, InputError
from edgekit.signature import Tensor


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (["a/x.onnx"], ["x.onnx"]),
        (["a/x.onnx", "a/y.onnx"], ["x.onnx", "y.onnx"]),
        (["runs/digits/1/bundle", "runs/digits/2/bundle"], ["1/bundle", "2/bundle"]),
        (["a/x.onnx", "a/x.onnx", "b/x.onnx"], ["a/x.onnx", "a/x.onnx #2", "b/x.onnx"]),
        (["x.onnx", "./x.onnx"], ["x.onnx", "x.onnx #2"]),
        (["x.onnx", "a/x.onnx"], ["x.onnx", "a/x.onnx"]),
        (["torch:a/net.py?width=1", "torch:a/net.py?width=2"], ["torch:net.py?width=1", "torch:net.py?width=2"]),
        (["torch:net.py", "compile:net.py", "torch:net.py"], ["torch:net.py", "compile:net.py", "torch:net.py #2"]),
    ],
    ids=[
        "one", "two files", "two runs", "a file again", "a file again, said otherwise", "one inside the other",
        "built otherwise", "run otherwise",
    ],
)  # fmt: skip
def test_models_are_named_by_as_little_as_tells_them_apart(models, names):
    assert sweeping.short_names(models) == names


def test_an_option_may_be_given_again_and_with_commas():
    assert sweeping.listed(["cpu, cuda:1", "cpu", "openvino:CPU"]) == ["cpu", "cuda:1", "openvino:CPU"]


def test_inputs_are_declared_or_fed(tmp_path):
    np.savez(tmp_path / "both.npz", a=np.zeros(2), b=np.ones(3))
    np.save(tmp_path / "one.npy", np.ones(4))
    lines = ["x: float32[N,4]", f"b={tmp_path / 'both.npz'}", f"c = {tmp_path / 'one.npy'}"]
    declared, arrays = sweeping.read_inputs([line.replace(" = ", "=") for line in lines])
    assert declared == [Tensor.parse("x: float32[N,4]")]
    assert {name: array.shape for name, array in arrays.items()} == {"b": (3,), "c": (4,)}


def test_an_array_that_the_file_lacks_is_named(tmp_path):
    np.savez(tmp_path / "both.npz", a=np.zeros(2), b=np.ones(3))
    with pytest.raises(DataError, match='has no array "z"') as caught:
        sweeping.read_inputs([f"z={tmp_path / 'both.npz'}"])
    assert caught.value.hint == "it holds a, b"
    with pytest.raises(InputError, match="is not a tensor"):
        sweeping.read_inputs(["nothing"])
