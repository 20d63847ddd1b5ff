import numpy as np
import pytest

from edgekit.errors import InputError
from edgekit.measuring.feeds import batch_of, parse_shapes, random_feeds
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
def test_integers_of_which_nothing_is_known_are_zeros_and_ones(dtype):
    values = random_feeds([Tensor("x", dtype, (64,))])["x"]
    assert values.dtype == dtype and set(values.tolist()) == {0, 1}


def test_numbers_of_rows_cover_the_table_and_stay_within_it():
    values = random_feeds([Tensor("ids", "int64", ("N", 500))], rows={"ids": 10})["ids"]
    assert set(values.ravel().tolist()) == set(range(10))


def test_a_mask_hides_nothing():
    mask = Tensor("attention_mask", "int64", ("N", 8))
    assert random_feeds([mask])["attention_mask"].all()


def test_a_range_that_is_said_goes_before_what_was_found():
    values = random_feeds([Tensor("ids", "int64", (500,))], rows={"ids": 10}, ranges={"ids": (3, 5)})["ids"]
    assert set(values.tolist()) == {3, 4, 5}
    values = random_feeds([Tensor("x", "float32", (500,))], ranges={"x": (2, 3)})["x"]
    assert values.min() >= 2 and values.max() <= 3


def test_a_range_that_the_dtype_cannot_hold_is_refused():
    with pytest.raises(InputError, match="does not hold values from 0 to 300"):
        random_feeds([Tensor("x", "uint8", (4,))], ranges={"x": (0, 300)})


def test_a_given_array_is_taken_with_as_many_rows_as_the_batch():
    given = np.arange(12, dtype=np.float64).reshape(3, 4)
    x = random_feeds([Tensor("x", "float32", ("N", 4))], batch=5, arrays={"x": given})["x"]
    assert x.dtype == np.float32 and x[:, 0].tolist() == [0, 4, 8, 0, 4]


@pytest.mark.parametrize(
    "given", [np.zeros((3, 5), "f4"), np.zeros(4, "f4"), np.zeros((3, 4), "i8"), np.zeros((0, 4), "f4")],
    ids=["size", "rank", "dtype", "empty"],
)  # fmt: skip
def test_a_given_array_that_does_not_fit_is_refused(given):
    with pytest.raises(InputError, match='the array for the input "x: float32'):
        random_feeds([Tensor("x", "float32", ("N", 4))], arrays={"x": given})


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
    assert caught.value.hint == "give it one, such as --shape length=128"


def test_an_unnamed_dynamic_dimension_needs_a_size_too():
    with pytest.raises(InputError, match="dimension 1 has no size") as caught:
        random_feeds([Tensor("x", "float32", ("_", "_"))], batch=4)
    assert caught.value.hint == "give it one, such as --shape x=4,128"


def test_a_shape_that_is_given_is_taken():
    assert random_feeds([TOKENS], shapes={"tokens": (2, 64)})["tokens"].shape == (2, 64)
    assert random_feeds([TOKENS], batch=3, shapes={"length": (64,)})["tokens"].shape == (3, 64)


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
    assert parse_shapes([], [TOKENS]) == [{}]
    assert parse_shapes(["tokens=1,128", "image=2,28,28,1"], [TOKENS, IMAGE]) == [
        {"tokens": (1, 128), "image": (2, 28, 28, 1)}
    ]


def test_what_has_several_sizes_is_measured_with_each():
    assert parse_shapes(["length=16,64", "image=2,28,28,1", "image=4,28,28,1"], [TOKENS, IMAGE]) == [
        {"length": (length,), "image": (batch, 28, 28, 1)} for length in (16, 64) for batch in (2, 4)
    ]


def test_a_name_may_hold_an_equals_sign():
    assert parse_shapes(["a=b=3"], [Tensor("a=b", "float32", ("N",))]) == [{"a=b": (3,)}]


@pytest.mark.parametrize("line", ["tokens", "tokens=", "tokens=1,x", "tokens=1,0", "=1", "tokens=-1"])
def test_a_line_that_is_no_shape_is_refused(line):
    with pytest.raises(InputError, match="is no shape"):
        parse_shapes([line], [TOKENS])


def test_a_shape_of_an_unknown_input_names_the_nearest():
    with pytest.raises(InputError, match='no model has an input or a dimension "token"') as caught:
        parse_shapes(["token=1,2"], [TOKENS])
    assert caught.value.hint == 'did you mean "tokens"?'


def test_a_whole_shape_says_the_batch_and_another_contradicts_it():
    assert batch_of([TOKENS], None, {}) == 1 and batch_of([TOKENS], 8, {"length": (64,)}) == 8
    assert batch_of([TOKENS], None, {"tokens": (2, 64)}) == batch_of([TOKENS], 2, {"tokens": (2, 64)}) == 2
    with pytest.raises(InputError, match="--shape tokens=2,64 is a batch of 2, not of 8") as caught:
        batch_of([TOKENS], 8, {"tokens": (2, 64)})
    assert caught.value.hint == "give the other dimensions alone, as --shape length=128"


def test_a_size_of_the_first_dimension_is_the_batch():
    assert batch_of([TOKENS], None, {"N": (4,), "length": (64,)}) == batch_of([TOKENS], 4, {"N": (4,)}) == 4
    with pytest.raises(InputError, match="--shape N=2 is a batch of 2, not of 3"):
        batch_of([TOKENS], 3, {"N": (2,)})


def test_a_fixed_batch_needs_not_be_asked_for():
    fixed = Tensor.parse("x: float32[3,8]")
    assert batch_of([fixed], None, {}) == 3 and batch_of([fixed], 1, {}) == 1
    assert batch_of([fixed, TOKENS], None, {}) == 1
    assert batch_of([Tensor.parse("scale: float32[1]")], None, {}) == 1


def test_what_does_not_fit_into_the_memory_is_not_made_up():
    with pytest.raises(InputError, match="do not fit into the memory that is free") as caught:
        random_feeds([IMAGE], batch=10**9)
    assert "--batch" in caught.value.hint


def test_a_shape_that_does_not_fit_says_what_fits():
    with pytest.raises(InputError, match="the shape 28,28,1 does not fit") as caught:
        random_feeds([IMAGE], shapes={"image": (28, 28, 1)})
    assert "the batch too" in caught.value.hint
