from __future__ import annotations

from typing import Any

import pytest

from edgekit.errors import UsageError
from edgekit.runtime.devices import shapes
from edgekit.signature import Tensor

INPUTS = [Tensor.parse("image: uint8[N,28,28,1]"), Tensor.parse("mask: bool[N,T]")]


def test_a_profile_says_least_usual_and_greatest_shapes_of_every_input() -> None:
    assert shapes.profile(INPUTS, {"N": (1, 8, 32), "T": (4, 16, 64)}) == {
        "trt_profile_min_shapes": "image:1x28x28x1,mask:1x4",
        "trt_profile_opt_shapes": "image:8x28x28x1,mask:8x16",
        "trt_profile_max_shapes": "image:32x28x28x1,mask:32x64",
    }


def test_fixed_shapes_need_no_profile() -> None:
    assert shapes.profile([Tensor.parse("x: float32[1,3]")], {}) == {}


@pytest.mark.parametrize(
    ("inputs", "said", "name", "fix"),
    [
        (INPUTS, {"N": (1, 8, 32)}, "T", 'write shapes={"T": (1, 8, 32)}: its least, usual and greatest size'),
        (
            [Tensor.parse("x: float32[N,3]")],
            {},
            "N",
            'write shapes={"N": (1, 8, 32)}: its least, usual and greatest size, or max_batch=32',
        ),
    ],
    ids=["one-of-two", "batch"],
)
def test_a_profile_that_leaves_a_dimension_open_is_refused(
    inputs: list[Tensor], said: dict[str, shapes.Range], name: str, fix: str
) -> None:
    with pytest.raises(UsageError, match=f'none is said of "{name}" in ') as caught:
        shapes.profile(inputs, said)
    assert caught.value.hint == fix


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"N": (8, 1, 32)}, r'shapes says \(8, 1, 32\) of "N"'),
        ({"N": (0, 1, 2)}, r'shapes says \(0, 1, 2\) of "N"'),
        ({"N": 8}, 'shapes says 8 of "N"'),
        ({"N": (1, 8)}, r'shapes says \(1, 8\) of "N"'),
        ({"N": ("1", 8, 32)}, r"shapes says \('1', 8, 32\) of"),
        ({"N": (1, 8.0, 32)}, r"shapes says \(1, 8.0, 32\) of"),
        ({"N": (True, 8, 32)}, r"shapes says \(True, 8, 32\) of"),
        ([1, 8, 32], r"shapes is \[1, 8, 32\], not a dict"),
    ],
    ids=["order", "zero", "number", "two", "text", "fraction", "truth", "list"],
)
@pytest.mark.parametrize("inputs", [INPUTS, None], ids=["known", "unknown"])
def test_shapes_of_another_form_are_refused(inputs: list[Tensor] | None, said: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        shapes.check(said, inputs)
    assert caught.value.hint == 'write shapes={"N": (1, 8, 32)}: a dimension\'s least, usual and greatest size'


def test_a_dimension_the_model_does_not_have_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        UsageError, match='shapes names "batch", which is no dynamic dimension of image: uint8'
    ) as caught:
        shapes.check({"batch": (1, 8, 32)}, INPUTS)
    assert caught.value.hint == "leave it out"
    with pytest.raises(UsageError) as caught:
        shapes.check({"tokens": (1, 8, 32)}, [Tensor.parse("x: float32[1,token]")])
    assert caught.value.hint == 'did you mean "token"?'
    shapes.check({"batch": (1, 8, 32)})  # what it has is not known yet


def test_shapes_follow_from_the_greatest_batch_where_that_is_all_that_is_dynamic() -> None:
    assert shapes.settled(None, 8, INPUTS[:1]) == {"N": (1, 8, 8)}
    assert shapes.settled({"N": (2, 3, 4)}, 8, INPUTS[:1]) == {"N": (2, 3, 4)}
    assert shapes.settled(None, 8, INPUTS) == shapes.settled(None, None, INPUTS[:1]) == {}
