from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.errors import UsageError
from edgekit.exporting import signing
from edgekit.signature import Tensor


class Takes(nn.Module):
    def forward(self, x, state=None, mask=None):
        return x


def told(given) -> list[str]:
    return [str(each) for each in signing.told(signing.examples(Takes(), given))]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.zeros(2, 3), ["x: float32[N,3]"]),
        (np.zeros((2, 3), np.int64), ["x: int64[N,3]"]),
        ((torch.zeros(2, 3), (torch.zeros(1, 2), torch.zeros(2))),
         ["x: float32[N,3]", "state.0: float32[1,2]", "state.1: float32[N]"]),
        ({"x": torch.zeros(2), "mask": torch.ones(2, 4, dtype=torch.bool)}, ["x: float32[N]", "mask: bool[N,4]"]),
        ({"x": torch.zeros(()), "mask": torch.zeros(2)}, ["x: float32[]", "mask: float32[2]"]),
    ],
    ids=["a tensor", "an array", "a tuple with a state", "a dict", "a number first"],
)  # fmt: skip
def test_inputs_are_declared_by_example(given, expected):
    assert told(given) == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x": torch.ones(1), "fast": False}, 'of the inputs, "fast" is of type bool'),
        ({"x": torch.ones(1, dtype=torch.bfloat16)}, 'the input "x" is bfloat16, which no app can pass'),
    ],
    ids=["a switch", "bfloat16"],
)
def test_what_no_app_can_pass_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        signing.examples(Takes(), given)


def test_few_examples_give_the_range_of_their_values_and_many_are_taken_as_they_are():
    inputs = [Tensor.parse("ids: int64[N,T]")]
    few, many = (np.arange(count * 3).reshape(count, 3) for count in (2, 7))
    assert signing.real(inputs, {"ids": few}) == ({}, {"ids": (0.0, 5.0)})
    given, ranges = signing.real(inputs, {"ids": many})
    assert given["ids"] is many and ranges == {}


NAMES = [
    ([""], "custom", ["output"]),
    ([""], "image-classification", ["logits"]),
    ([""], "regression", ["value"]),
    (["0", "1"], "custom", ["output_0", "output_1"]),
    (["logits", "state.0"], "custom", ["logits", "state.0_out"]),
]


@pytest.mark.parametrize(("found", "task", "expected"), NAMES)
def test_outputs_are_named_by_the_answer_or_the_task(found, task, expected):
    inputs = [Tensor.parse("x: float32[N]"), Tensor.parse("state.0: float32[N]")]
    assert signing.name_outputs(found, (), inputs, task) == expected


@pytest.mark.parametrize(
    ("wanted", "said"),
    [(["a"], "1 outputs are named, and the module answers 2: 0, 1"), (["a", "x"], 'the name "x" stands twice')],
    ids=["too few", "an input's name"],
)
def test_names_that_do_not_fit_are_refused(wanted, said):
    with pytest.raises(UsageError, match=said):
        signing.name_outputs(["0", "1"], wanted, [Tensor.parse("x: float32[N]")], "custom")
