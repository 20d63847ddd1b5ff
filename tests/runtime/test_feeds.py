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
    [("bool", "float32"), ("int64", "bool"), ("complex64", "float32"), ("str", "float32")],
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
        (np.array(["a", "b"], object), "x: string[N]"),
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
        (None, r"given None, expected int64\[N\]"),
        ({1, 2}, r"given set, expected int64\[N\]"),
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


def test_one_name_of_a_dimension_is_one_size() -> None:
    check = feeds("x: float32[N,T]", "mask: int64[N,T]", "last: float32[N,3]")
    x, mask = np.zeros((2, 5), np.float32), np.zeros((2, 5), np.int64)
    last = np.zeros((2, 3), np.float32)
    assert check({"x": x, "mask": mask, "last": last})["last"] is last
    with pytest.raises(InputError) as caught:
        check({"x": x, "mask": mask[:, :4], "last": last})
    assert str(caught.value) == (
        'the dimension "T" has two sizes: given x: float32[2,5], mask: int64[2,4], '
        "expected x: float32[N,T], mask: int64[N,T], last: float32[N,3]"
    )
    with pytest.raises(InputError, match=r'"N" has two sizes: given x: float32\[2,5\], last: float32\[1,3\]'):
        check({"x": x, "mask": mask, "last": last[:1]})


def test_one_name_twice_in_one_input_is_one_size() -> None:
    with pytest.raises(InputError, match=r'"N" has two sizes: given x: float32\[2,3\], expected x: float32\[N,N\]'):
        feeds("x: float32[N,N]")(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize("name", ["", "_"])
def test_dimensions_without_a_name_are_any_size(name: str) -> None:
    assert Feeds([Tensor("x", "float32", (name, name))])(np.zeros((2, 3), np.float32))["x"].shape == (2, 3)


def test_shapes_that_fitted_before_do_not_let_others_pass() -> None:
    """What fits is remembered, as all inputs' shapes together."""
    check = feeds("x: float32[N,2]", "y: float32[N]")
    for rows in range(200):
        assert check({"x": np.zeros((rows, 2), np.float32), "y": np.zeros(rows, np.float32)})
    for x, y in [((3, 2), (4,)), ((3, 3), (3,)), ((3,), (3,))]:
        with pytest.raises(InputError):
            check({"x": np.zeros(x, np.float32), "y": np.zeros(y, np.float32)})
    with pytest.raises(InputError, match="float64"):
        check({"x": np.zeros((3, 2)), "y": np.zeros(3, np.float32)})


def test_the_other_byte_order_is_another_dtype() -> None:
    x = np.arange(3).astype(">f4")
    with pytest.raises(InputError, match=r"given >f4\[3\], expected float32\[N\]"):
        feeds("x: float32[N]")(x)
    np.testing.assert_array_equal(feeds("x: float32[N]", cast=True)(x)["x"], [0, 1, 2])


@pytest.mark.parametrize(
    ("texts", "named"),
    [(["a", None], "None"), ([b"a", "b"], "bytes"), ([3, "a"], "int")],
    ids=["none", "bytes", "int"],
)
def test_what_is_no_text_is_never_made_one(texts: list[Any], named: str) -> None:
    with pytest.raises(InputError, match=f'input "x": {named} among its texts'):
        feeds("x: string[N]")(np.array(texts, object))


class Foreign:
    """An array of another library that is not to be had, as torch's that needs a gradient."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("call detach first")


def test_another_librarys_complaint_is_told_as_an_input_error() -> None:
    with pytest.raises(InputError, match='input "x": Foreign does not become an array: call detach first'):
        feeds("x: float32[N]")({"x": Foreign()})


def sequence(cast: bool = False) -> Feeds:
    return Feeds([Tensor("x", "seq(tensor(float))", ())], cast)


def test_a_sequence_is_a_list_of_arrays_of_its_dtype() -> None:
    one, two = np.ones(2, np.float32), np.ones((3, 1), np.float32)
    given = sequence()({"x": [one, two, [1, 2]]})["x"]
    assert given[0] is one and given[1] is two and given[2].dtype == np.float32
    assert sequence()({"x": ()})["x"] == []
    with pytest.raises(InputError, match=r"given float64\[2\], expected a list of float32 arrays"):
        sequence()({"x": [np.ones(2)]})
    assert sequence(cast=True)({"x": [np.ones(2)]})["x"][0].dtype == np.float32
    with pytest.raises(InputError, match=r'input "x": given float32\[2\], expected a list of float32 arrays'):
        sequence()({"x": one})


def test_an_optional_input_may_be_none_or_left_out() -> None:
    check = Feeds([Tensor("x", "optional(tensor(float))", ("N",)), Tensor("y", "float32", ("N",))])
    x, y = np.ones(2, np.float32), np.ones(2, np.float32)
    assert check({"x": x, "y": y})["x"] is x
    assert check({"x": None, "y": y})["x"] is None
    assert list(check({"y": y})) == ["y"]
    with pytest.raises(InputError, match='"y" was not given'):
        check({"x": x})
    with pytest.raises(InputError, match=r"given float64\[2\]"):
        check({"x": np.ones(2), "y": y})
    with pytest.raises(InputError, match='"N" has two sizes'):
        check({"x": np.ones(3, np.float32), "y": y})


@pytest.mark.parametrize(("value", "given"), [("abc", "string[]"), ([["a"]], "string[1,1]")], ids=["lone", "nested"])
def test_texts_of_another_shape_are_called_texts(value: Any, given: str) -> None:
    with pytest.raises(InputError) as caught:
        feeds("x: string[N]")(value)
    assert str(caught.value) == f'input "x": given {given}, expected string[N]'


@pytest.mark.parametrize("cast", [False, True], ids=["plain", "cast"])
def test_fractions_are_not_cut_off_and_the_hint_says_how_to_round(cast: bool) -> None:
    with pytest.raises(InputError, match=r"given float32\[3\], expected uint8\[N\]") as caught:
        feeds("x: uint8[N]", cast=cast)(np.zeros(3, np.float32))
    assert 'x.round().astype("uint8")' in str(caught.value.hint)


def test_a_shape_that_fitted_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick way is what keeps a call within microseconds of the bare run."""
    looked: list[Any] = []
    whole = Feeds._checked
    monkeypatch.setattr(Feeds, "_checked", lambda self, given: looked.append(given) or whole(self, given))
    check = feeds("x: float32[N,2]", "i: int64[N]")
    for rows, count in ((3, 1), (3, 1), (3, 1), (4, 2), (3, 2), (4, 2)):
        check({"x": np.zeros((rows, 2), np.float32), "i": np.zeros(rows, np.int64)})
        assert len(looked) == count
    check({"x": [[0, 0]], "i": [0]})
    check({"x": [[0, 0]], "i": [0]})
    assert len(looked) == 4  # lists have to be converted each time
