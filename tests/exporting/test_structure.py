from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Annotated

import pytest
import torch
from torch import nn

from edgekit.errors import ExportError, InputError, UsageError
from edgekit.exporting.structure import annotated, by_name, flatten, nest

A, B, C = (torch.full((1,), value) for value in (1.0, 2.0, 3.0))


@dataclass
class Answer:
    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...] | None = None


Pair = namedtuple("Pair", "mean spread")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (A, [""]),
        ((A, B), ["0", "1"]),
        ({"logits": A, "state": (B, C)}, ["logits", "state.0", "state.1"]),
        (Answer(A, (B,)), ["logits", "hidden.0"]),
        (Answer(A), ["logits"]),
        (Pair(A, B), ["mean", "spread"]),
        ([A, None, {"last": B}], ["0", "2.last"]),
    ],
    ids=["a tensor", "a tuple", "a dict", "a dataclass", "a field that is None", "a named tuple", "a list"],
)
def test_an_answer_is_laid_out_flat_by_names(value, names):
    assert [name for name, _ in flatten(value)] == names


@pytest.mark.parametrize("value", [{"logits": A, "loss": 0.5}, (A, "text")], ids=["a number", "a text"])
def test_what_is_no_tensor_is_refused_by_its_name(value):
    with pytest.raises(ExportError, match=r'"(loss|1)" is of type (float|str), and an ONNX file knows tensors alone'):
        list(flatten(value))


def test_dotted_names_become_tuples_and_dicts():
    nested = nest(["x", "state.0", "state.1", "past.key"], [A, B, C, A])
    assert nested == {"x": A, "state": (B, C), "past": {"key": A}}


def test_what_was_nested_is_flat_again():
    names = ["x", "state.0.a", "state.0.b", "state.1"]
    assert [name for name, _ in flatten(nest(names, [A, B, C, A]))] == names


class Takes(nn.Module):
    def forward(self, x, state=None, mask=None):
        return x


class Alone(nn.Module):
    def forward(self, x, *, mask):
        return x


class TakesMore(nn.Module):
    def forward(self, x, *state):
        return x


class TakesAll(nn.Module):
    def forward(self, **inputs):
        return inputs


@pytest.mark.parametrize(
    ("module", "names", "expected"),
    [
        (Takes(), ["x"], False),
        (Takes(), ["x", "state.0", "state.1"], False),
        (Takes(), ["x", "mask"], True),
        (Takes(), ["mask", "x"], True),
        (Takes(), ["image", "other"], False),
        (TakesAll(), ["image", "other"], True),
        (Alone(), ["x", "mask"], True),
        (TakesMore(), ["x", "h", "c"], False),
        (nn.Linear(1, 1), ["image"], False),
    ],
    ids=[
        "the first",
        "in order",
        "with a gap",
        "out of order",
        "names of the app's own",
        "any keyword",
        "by keyword alone",
        "any number by position",
        "a layer",
    ],
)
def test_inputs_go_by_keyword_where_their_order_is_not_the_parameters(module, names, expected):
    assert by_name(module, names) is expected


def test_a_name_that_forward_does_not_know_among_those_it_does_is_an_error():
    with pytest.raises(UsageError, match='forward of Takes has no parameter "masks"') as caught:
        by_name(Takes(), ["x", "masks"])
    assert caught.value.hint == 'did you mean "mask"?'


@pytest.mark.parametrize("names", [["x"], ["mine"], []], ids=["by name", "by position", "none"])
def test_a_parameter_that_is_needed_and_not_declared_is_named(names):
    with pytest.raises(UsageError, match='forward of Alone needs "') as caught:
        by_name(Alone(), names)
    assert "x" in caught.value.hint


State = Annotated[tuple[torch.Tensor, torch.Tensor], "float32[1,N,6]", "float32[1,N,6]"]


class Declares(nn.Module):
    def forward(
        self, image: Annotated[torch.Tensor, "float32[N,3,32,32]"], state: State, gain: float = 1.0, *rest: int
    ) -> torch.Tensor:
        return image


class Forgets(nn.Module):
    def forward(self, image: Annotated[torch.Tensor, "a picture", "float33[N,3]"]):
        return image


class Half(nn.Module):
    def forward(self, image: Annotated[torch.Tensor, "float32[N,3]"], mask: torch.Tensor):
        return image


def test_inputs_stand_at_the_parameters_of_forward():
    lines = ["image: float32[N,3,32,32]", "state.0: float32[1,N,6]", "state.1: float32[1,N,6]"]
    assert [str(each) for each in annotated(Declares())] == lines
    assert annotated(Takes()) == annotated(nn.Linear(1, 1)) == []


def test_annotations_that_do_not_say_all_are_refused():
    with pytest.raises(UsageError, match='forward of Half says nothing of "mask"'):
        annotated(Half())
    with pytest.raises(InputError, match='there is no dtype "float33"'):
        annotated(Forgets())
