"""Every kind of input and output that onnxruntime runs works, or is refused by name when the model is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.helper
import pytest

from edgekit.errors import BundleError, InputError
from edgekit.runtime.bundle import load
from edgekit.runtime.kinds import Kind, read
from edgekit.runtime.model import Model

ONE = np.ones(2, np.float32)
WHOLE = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
JOINED = "(seq(float[N]) x) => (float[M] y) { y = ConcatFromSequence<axis=0>(x) }"
SPLIT = "(float[3] x) => (seq(float[N]) y) { y = SplitToSequence<axis=0>(x) }"


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[bytes], Model]:
    def open_model(content: bytes) -> Model:
        (tmp_path / "m.onnx").write_bytes(content)
        return load(tmp_path / "m.onnx", threads=1)

    return open_model


Opened = Callable[[bytes], Model]


def same(found: Any, expected: Any) -> None:
    """Compare arrays, and lists of them, by values and dtypes."""
    if isinstance(expected, list):
        assert isinstance(found, list) and len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    else:
        assert found == expected


@pytest.mark.parametrize("dtype", ["float16", "float", "double", *WHOLE, "bool"])
def test_numbers_of_every_dtype_come_back(dtype: str, graph: Callable[..., bytes], opened: Opened) -> None:
    model = opened(graph(f"({dtype}[N] x) => ({dtype}[N] y) {{ y = Identity(x) }}"))
    given = np.array([0, 1, 1], model.inputs[0].dtype)
    same(model(given)["y"], given)
    same(model(given[:0])["y"], given[:0])


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("(string[N] x) => (string[N] y) { y = Identity(x) }", ["a", "ä\0b", ""], np.array(["a", "ä\0b", ""], object)),
        ("(float x) => (float y) { y = Neg(x) }", 3, np.array(-3, np.float32)),
        ("(float x) => (float y) { y = Neg(x) }", np.float32(3), np.array(-3, np.float32)),
        ("() => (float[2] y) { y = Constant<value_floats=[1.0,2.0]>() }", {}, np.array([1, 2], np.float32)),
        (JOINED, {"x": [ONE, ONE[:1]]}, np.ones(3, np.float32)),
        (SPLIT, [1, 2, 3], [np.array([v], np.float32) for v in (1, 2, 3)]),
        ("(float[0] x) => (seq(float[N]) y) { y = SequenceEmpty<dtype=1>() }", [], []),
        ("(optional(float[N]) x) => (bool y) { y = OptionalHasElement(x) }", {"x": ONE}, np.array(True)),
        ("(optional(float[N]) x) => (bool y) { y = OptionalHasElement(x) }", {"x": None}, np.array(False)),
        ("(optional(float[N]) x) => (bool y) { y = OptionalHasElement(x) }", {}, np.array(False)),
        ("(optional(seq(float[N])) x) => (bool y) { y = OptionalHasElement(x) }", {"x": [ONE]}, np.array(True)),
        ("(float[N] x) => (optional(float[N]) y) { y = Optional(x) }", ONE, ONE),
    ],
    ids=[
        "strings", "a-scalar", "a-numpy-scalar", "no-inputs", "a-sequence-in", "a-sequence-out", "an-empty-sequence",
        "optional", "optional-none", "optional-absent", "an-optional-sequence", "optional-out",
    ],
)  # fmt: skip
def test_other_kinds_work(text: str, given: Any, expected: Any, graph: Callable[..., bytes], opened: Opened) -> None:
    same(opened(graph(text))(given)["y"], expected)


def test_a_list_of_maps_comes_back_as_a_list_of_dicts(opened: Opened) -> None:
    """What scikit-learn's classifiers answer when they are converted."""
    helper = onnx.helper
    node = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_strings=["ant", "bee"])
    map_type = helper.make_map_type_proto(onnx.TensorProto.STRING, helper.make_tensor_type_proto(1, []))
    takes = helper.make_tensor_value_info("x", 1, ["N", 2])
    gives = helper.make_value_info("y", helper.make_sequence_type_proto(map_type))
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(helper.make_graph([node], "g", [takes], [gives]), opset_imports=opsets, ir_version=10)
    assert opened(made.SerializeToString())([[0.25, 0.75]])["y"] == [{"ant": 0.25, "bee": 0.75}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(bfloat16[N] x) => (bool[N] y) { y = IsNaN(x) }", r'takes "x: bfloat16\[N\]", and numpy has no bfloat16'),
        ("(float[N] x) => (bfloat16[N] y) { y = Cast<to=16>(x) }", r'answers "y: bfloat16\[N\]"'),
        ("(float[N] x) => (float8e4m3fn[N] y) { y = Cast<to=17>(x) }", "numpy has no float8e4m3fn"),
        ("(float[N] x) => (int4[N] y) { y = Cast<to=22>(x) }", "numpy has no int4|cannot run"),
        ("(complex64[N] x) => (complex64[N] y) { y = Identity(x) }", "complex64"),
    ],
    ids=["bfloat16-in", "bfloat16-out", "float8-out", "int4-out", "complex"],
)
def test_kinds_that_numpy_or_onnxruntime_lacks_are_refused_by_name(
    text: str, message: str, graph: Callable[..., bytes], opened: Opened
) -> None:
    with pytest.raises(BundleError, match=message):
        opened(graph(text, opset=21))


def test_a_sequence_the_model_cannot_take_is_an_input_error(graph: Callable[..., bytes], opened: Opened) -> None:
    model = opened(graph(JOINED))
    with pytest.raises(InputError, match="cannot run"):
        model({"x": []})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("float32", Kind("tensor", "float32", False)),
        ("tensor(double)", Kind("tensor", "float64", False)),
        ("seq(tensor(float))", Kind("sequence", "float32", False)),
        ("optional(tensor(int64))", Kind("tensor", "int64", True)),
        ("optional(seq(tensor(string)))", Kind("sequence", "string", True)),
        ("map(string,tensor(float))", Kind("other", "float32", False)),
        ("seq(map(int64,tensor(float)))", Kind("other", "float32", False)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_onnxruntimes_names_of_kinds_are_read(name: str, kind: Kind) -> None:
    assert read(name) == kind
