import numpy as np
import pytest

from edgekit.errors import InputError
from edgekit.measuring.feeds import parse_shapes, random_feeds
from edgekit.signature import Tensor

IMAGE = Tensor.parse("image: uint8[N,28,28,1]")
TOKENS = Tensor.parse("tokens: int64[N,length]")


def test_pixels_cover_their_whole_range_and_take_the_batch():
    image = random_feeds([IMAGE], batch=16)["image"]
    assert image.shape == (16, 28, 28, 1) and image.dtype == np.uint8
    assert set(np.unique(image)) == set(range(256))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_are_standard_normal(dtype):
    values = random_feeds([Tensor("x", dtype, ("N", 100))], batch=100)["x"]
    assert values.dtype == dtype
    assert abs(values.astype(float).mean()) < 0.05 and abs(values.astype(float).std() - 1) < 0.05


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint16", "bool"])
def test_integers_are_zero_for_they_may_index_a_table(dtype):
    values = random_feeds([Tensor("x", dtype, (4,))])["x"]
    assert values.dtype == dtype and not values.any()


def test_texts_are_empty():
    assert random_feeds([Tensor("x", "string", ("N",))], batch=2)["x"].tolist() == ["", ""]


def test_the_same_seed_gives_the_same_feeds():
    first, same, other = (random_feeds([IMAGE], seed=seed)["image"] for seed in (1, 1, 2))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_the_batch_dimension_is_known_again_by_its_name():
    mask = Tensor("mask", "float32", ("N", 8, "N"))
    assert random_feeds([mask], batch=3)["mask"].shape == (3, 8, 3)


def test_a_dimension_without_a_size_is_named_with_the_way_to_give_it():
    with pytest.raises(InputError, match='the dimension "length" has no size') as caught:
        random_feeds([TOKENS], batch=4)
    assert caught.value.hint == "give one, such as --shape tokens=4,128"


def test_an_unnamed_dynamic_dimension_needs_a_size_too():
    with pytest.raises(InputError, match="dimension 1 has no size"):
        random_feeds([Tensor("x", "float32", ("_", "_"))])


def test_a_shape_that_is_given_is_taken():
    assert random_feeds([TOKENS], shapes={"tokens": (2, 64)})["tokens"].shape == (2, 64)


@pytest.mark.parametrize("shape", [(1,), (1, 28, 28, 3)], ids=["rank", "fixed dimension"])
def test_a_shape_that_does_not_fit_is_refused(shape):
    with pytest.raises(InputError, match="does not fit the input"):
        random_feeds([IMAGE], shapes={"image": shape})


def test_a_fixed_batch_is_not_measured_at_another():
    fixed = Tensor.parse("image: uint8[8,28,28,1]")
    with pytest.raises(InputError, match="does not take a batch of 1") as caught:
        random_feeds([fixed])
    assert "--batch 8" in caught.value.hint
    assert random_feeds([fixed], batch=8)["image"].shape == (8, 28, 28, 1)


def test_a_state_beside_a_batch_may_have_another_first_dimension():
    inputs = [Tensor.parse("x: float32[1,10]"), Tensor.parse("state: float32[2,1,64]")]
    assert random_feeds(inputs)["state"].shape == (2, 1, 64)


def test_a_dtype_that_nothing_is_known_of_is_refused():
    with pytest.raises(InputError, match="nothing can be made up"):
        random_feeds([Tensor("x", "bfloat16", (1, 2))])


def test_shapes_are_read_from_the_command_line():
    assert parse_shapes(["tokens=1,128", "image=2,28,28,1"], [TOKENS, IMAGE]) == {
        "tokens": (1, 128),
        "image": (2, 28, 28, 1),
    }


def test_a_name_may_hold_an_equals_sign():
    assert parse_shapes(["a=b=3"], [Tensor("a=b", "float32", ("N",))]) == {"a=b": (3,)}


@pytest.mark.parametrize("line", ["tokens", "tokens=", "tokens=1,x", "tokens=1,0", "=1", "tokens=-1"])
def test_a_line_that_is_no_shape_is_refused(line):
    with pytest.raises(InputError, match="is no shape"):
        parse_shapes([line], [TOKENS])


def test_a_shape_of_an_unknown_input_names_the_nearest():
    with pytest.raises(InputError, match='no model has an input "token"') as caught:
        parse_shapes(["token=1,2"], [TOKENS])
    assert caught.value.hint == 'did you mean "tokens"?'
