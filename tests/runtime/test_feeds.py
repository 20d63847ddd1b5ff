from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit.errors import InputError
from edgekit.runtime.feeds import Feeds
from edgekit.signature import Tensor


def feeds(*lines: str, cast: bool = False) -> Feeds:
    return Feeds([Tensor.parse(line) for line in lines], cast)


def test_arrays_that_fit_pass_untouched() -> None:
    x, i = np.ones((2, 3), np.float32), np.zeros(4, np.int64)
    checked = feeds("x: float32[N,3]", "i: int64[M]")({"i": i, "x": x})
    assert checked["x"] is x and checked["i"] is i


def test_one_array_serves_a_model_of_one_input() -> None:
    x = np.ones((2, 3), np.float32)
    assert feeds("x: float32[N,3]")(x)["x"] is x


def test_one_array_for_a_model_of_two_inputs_is_refused_with_their_names() -> None:
    with pytest.raises(InputError, match="the model has 2 inputs") as caught:
        feeds("a: float32[N]", "b: float32[N]")(np.ones(1, np.float32))
    assert caught.value.hint == "pass a dict of a: float32[N], b: float32[N]"


def test_a_model_without_inputs_takes_an_empty_dict() -> None:
    assert feeds()({}) == {}
    with pytest.raises(InputError, match='no input "x"'):
        feeds()({"x": 1})


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({}, 'the input "image" was not given', "the model takes image: float32[N], mask: float32[N]"),
        ({"image": [0.0], "msk": [0.0]}, 'the model has no input "msk"', 'did you mean "mask"?'),
        ({"image": 0, "mask": 0, "zzz": 0}, 'the model has no input "zzz"', "the model takes image"),
        ({"image": [0.0], 3: [0.0]}, 'the model has no input "3"', "the model takes image"),
    ],
    ids=["missing", "mistyped", "too-many", "not-a-name"],
)
def test_wrong_names_are_refused(given: dict[Any, Any], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        feeds("image: float32[N]", "mask: float32[N]")(given)
    assert str(caught.value.hint).startswith(hint)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("int32", "int64"), ("float64", "float32"), ("uint8", "float32"), ("int64", "int32"), ("float32", "float16")],
)
def test_another_dtype_is_refused_with_a_hint_unless_cast_was_asked_for(given: str, wanted: str) -> None:
    x = np.arange(3, dtype=given)
    with pytest.raises(InputError) as caught:
        feeds(f"x: {wanted}[N]")(x)
    assert str(caught.value) == f'input "x": given {given}[3], expected {wanted}[N]'
    assert caught.value.hint == f'x.astype("{wanted}"), or load the model with cast=True'
    checked = feeds(f"x: {wanted}[N]", cast=True)(x)["x"]
    assert checked.dtype == wanted
    np.testing.assert_array_equal(checked, x)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("float32", "int64"), ("bool", "float32"), ("int64", "bool"), ("complex64", "float32"), ("str", "float32")],
)
def test_a_dtype_of_another_meaning_is_refused_even_with_cast(given: str, wanted: str) -> None:
    for cast in (False, True):
        with pytest.raises(InputError, match="expected") as caught:
            feeds(f"x: {wanted}[N]", cast=cast)(np.zeros(3, given))
        assert caught.value.hint is None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (np.array([300]), "uint8"),
        (np.array([-1]), "uint8"),
        (np.array([1 << 40]), "int32"),
        (np.array([1e300]), "float32"),
        ([256], "uint8"),
        ([70000.0], "float16"),
    ],
)
def test_a_value_that_does_not_fit_is_never_wrapped_around(value: Any, wanted: str) -> None:
    with pytest.raises(InputError, match=f'input "x": some of its values do not fit {wanted}'):
        feeds(f"x: {wanted}[N]", cast=True)(value)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ([[1, 2], [3, 4]], "x: float32[N,2]"),
        (((0.5, 1.5),), "x: float32[N,2]"),
        ([1, 255], "x: uint8[N]"),
        ([True, False], "x: bool[N]"),
        (["a", "bc"], "x: string[N]"),
        ([], "x: int64[N]"),
        (2.5, "x: float32[]"),
        (7, "x: int64[]"),
        (np.float32(2.5), "x: float32[]"),
        (np.array(["a", "bc"]), "x: string[N]"),
        (np.array(["a", None], object), "x: string[N]"),
    ],
    ids=str,
)
def test_lists_and_scalars_take_the_dtype_of_the_model(value: Any, line: str) -> None:
    tensor = Tensor.parse(line)
    checked = feeds(line)(value)["x"]
    assert isinstance(checked, np.ndarray)
    assert checked.dtype == (object if tensor.dtype == "string" else tensor.dtype)
    assert checked.tolist() == (value.tolist() if hasattr(value, "tolist") else np.asarray(value).tolist())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.5], r"given float64\[1\], expected int64\[N\]"),
        (["a"], r"given string\[1\], expected int64\[N\]"),
        ([[1], [2, 3]], "different lengths"),
        (None, r"given object\[\], expected int64\[N\]"),
        ({1, 2}, r"given object\[\], expected int64\[N\]"),
    ],
    ids=["fraction", "text", "ragged", "none", "set"],
)
def test_lists_that_would_lose_something_are_refused(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        feeds("x: int64[N]")({"x": value})


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3), (2, 4), (0,)], ids=str)
def test_another_rank_or_size_is_refused_showing_both(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        feeds("x: float32[N,3]")(np.zeros(shape, np.float32))
    assert str(caught.value) == f'input "x": given float32[{",".join(map(str, shape))}], expected float32[N,3]'
    if len(shape) == 1:
        assert "x[None]" in str(caught.value.hint)


def test_a_batch_of_nothing_fits() -> None:
    assert feeds("x: float32[N,3]")(np.zeros((0, 3), np.float32))["x"].shape == (0, 3)


def test_a_model_without_a_known_rank_takes_any() -> None:
    assert feeds("x: float32[]")(np.ones((2, 3), np.float32))["x"].shape == (2, 3)


def test_inputs_that_are_no_plain_tensors_are_left_to_onnxruntime() -> None:
    value = [np.ones(2, np.float32)]
    assert Feeds([Tensor("x", "seq(tensor(float))", ())])({"x": value})["x"] is value
