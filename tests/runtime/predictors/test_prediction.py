"""What a bundle answers is its task's, and where a task does not say what it is given, the model's inputs do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import BundleError, UsageError
from edgekit.runtime.bundle import load
from edgekit.runtime.predictors.prediction import Vector

# Each answers the sum of what it was given, times one or several factors.
SUMS = {
    "images": ("uint8[N,2,2,1]", "c = Cast<to = 1>(x) s = ReduceSum<keepdims = 0>(c, rest)", "{1, 2, 3}", "3"),
    "features": ("float32[N,4]", "s = ReduceSum<keepdims = 0>(x, rest)", "{1}", "1"),
    "sequences": ("float32[N,2,2]", "s = ReduceSum<keepdims = 0>(x, rest)", "{1, 2}", "2"),
}


def summing(bundle: Callable[..., Path], thing: str, task: str, output: str, factors: str = "1.0") -> Any:
    line, body, axes, count = SUMS[thing]
    form, many = ("[N]", 0) if output.endswith("[N]") else ("[N,M]", factors.count(",") + 1)
    last = "t = Identity(s)" if not many else "u = Unsqueeze(s, one) t = Mul(u, by)"
    name = output.partition(":")[0]
    graph = f"({line.replace('32', '')} x) => (float{form} {name}) <int64[{count}] rest = {axes}, \
        int64[1] one = {{1}}, float[{many or 1}] by = {{{factors}}}> {{ {body} {last} {name} = Identity(t) }}"
    return load(bundle(graph, task, [f"x: {line}"], [output]), threads=1)


ONES = {
    "images": np.ones((2, 2), np.uint8),
    "features": [1, 1, 1, 1],
    "sequences": np.ones((2, 2), np.float32),
}


@pytest.mark.parametrize("thing", SUMS)
@pytest.mark.parametrize("output", ["value: float32[N]", "total: float32[N,M]"], ids=["flat", "column"])
def test_regression_answers_a_number_for_whatever_the_model_takes(
    bundle: Callable[..., Path], thing: str, output: str
) -> None:
    model = summing(bundle, thing, "regression", output)
    answer = model.predict(ONES[thing])
    assert answer.value == 4 and type(answer.value) is float
    assert (str(answer), repr(answer), answer.to_dict()) == ("4", "Value(4)", {"value": 4.0})
    assert [answer.value for answer in model.predict([ONES[thing]] * 3)] == [4, 4, 4]


def test_regression_of_several_numbers_answers_an_array(bundle: Callable[..., Path]) -> None:
    answer = summing(bundle, "features", "regression", "value: float32[N,M]", "1.0, -0.5").predict([1, 1, 1, 1])
    assert answer.value.tolist() == [4, -2]
    assert (str(answer), answer.to_dict()) == ("4  -2", {"value": [4.0, -2.0]})


@pytest.mark.parametrize("thing", SUMS)
def test_an_embedding_answers_a_vector(bundle: Callable[..., Path], thing: str) -> None:
    answer = summing(bundle, thing, "embedding", "vector: float32[N,M]", "1.0, 2.0").predict(ONES[thing])
    assert answer.vector.tolist() == [4, 8] and answer.vector.dtype == np.float32
    assert (str(answer), repr(answer), answer.to_dict()) == ("4  8", "Vector(float32[2])", {"vector": [4.0, 8.0]})


def test_of_a_long_vector_people_are_shown_how_it_begins():
    answer = Vector(np.arange(384, dtype=np.float32))
    assert str(answer) == "0  1  2  3  4  5  6  7  … 384 numbers"
    assert len(answer.to_dict()["vector"]) == 384


@pytest.mark.parametrize(
    ("task", "text", "inputs", "outputs", "message"),
    [
        ("embedding", "(float[N,3] x) => (float[N] y) { y = ReduceSum<keepdims = 0>(x, a) }", "x: float32[N,3]",
         "y: float32[N]", 'no "vector" of numbers in 2 dimensions'),
        ("regression", "(float[N,3] x) => (float[1,3] y) { y = ReduceSum(x, b) }", "x: float32[N,3]",
         "y: float32[1,3]", "answers 1 times for 2 examples"),
        ("regression", "(string[N] x) => (string[N] y) { y = Identity(x) }", "x: string[N]", "y: string[N]",
         r"takes x: string\[N\]: no image, vector or sequence, and no text"),
    ],
    ids=["rank", "rows", "strings"],
)  # fmt: skip
def test_a_model_that_cannot_answer_its_task_is_the_bundles_fault(
    bundle: Callable[..., Path], task: str, text: str, inputs: str, outputs: str, message: str
) -> None:
    text = text.replace(" {", " <int64[1] a = {1}, int64[1] b = {0}> {", 1)
    model = load(bundle(text, task, [inputs], [outputs]), threads=1)
    with pytest.raises(BundleError, match=message):
        model.predict([[1, 2, 3], [4, 5, 6]])


def test_top_must_be_positive(vectors: Path) -> None:
    with pytest.raises(UsageError, match="top is 0"):
        load(vectors).predict([1, 2, 3], top=0)


# What a head answers, of a model that is given it: `x` holds the scores.
TOP = "(float[N,4] x) => (float[N,2] top_probabilities, int64[N,2] top_classes)\
    <int64[1] k = {2}> { top_probabilities, top_classes = TopK(x, k) }"
ARGMAX = "(float[N,4] x) => (int64[N] class) { class = ArgMax<axis = 1, keepdims = 0>(x) }"
THRESHOLD = "(float[N,4] x) => (float[N,4] probabilities, bool[N,4] decisions) <float half = {0.5}>\
    { probabilities = Identity(x) decisions = Greater(x, half) }"
HEADS = {
    "top": (TOP, ["top_probabilities: float32[N,2]", "top_classes: int64[N,2]"]),
    "argmax": (ARGMAX, ["class: int64[N]"]),
    "threshold": (THRESHOLD, ["probabilities: float32[N,4]", "decisions: bool[N,4]"]),
}


def headed(bundle: Callable[..., Path], head: str, **said: Any) -> Any:
    graph, outputs = HEADS[head]
    return load(bundle(graph, "classification", ["x: float32[N,4]"], outputs, **said), threads=1)


def test_a_top_in_the_graph_answers_as_many_as_it_has(bundle: Callable[..., Path]) -> None:
    model = headed(bundle, "top", labels=list("abcd"))
    answer = model.predict([0.1, 0.2, 0.4, 0.3], top=3)
    assert [label for label, _ in answer.top] == ["c", "d"]
    assert (answer.label, answer.probability) == ("c", pytest.approx(0.4))
    assert [len(each.top) for each in model.predict(np.eye(4, dtype=np.float32))] == [1] * 4


def test_a_class_without_a_label_is_called_by_its_number(bundle: Callable[..., Path]) -> None:
    assert headed(bundle, "top").predict([0.1, 0.2, 0.4, 0.3], top=2).top[1][0] == "3"


def test_an_argmax_in_the_graph_answers_the_label_alone(bundle: Callable[..., Path]) -> None:
    answer = headed(bundle, "argmax", labels=list("abcd")).predict([0.1, 0.2, 0.4, 0.3], top=3)
    assert (answer.label, str(answer), repr(answer), answer.to_dict()) == ("c", "c", "Choice('c')", {"label": "c"})
    assert not hasattr(answer, "probability")


def test_a_threshold_in_the_graph_answers_every_label_that_is_true(bundle: Callable[..., Path]) -> None:
    model = headed(bundle, "threshold", labels=list("abcd"))
    both, none = model.predict([[0.1, 0.6, 0.9, 0.3], [0.1, 0.2, 0.5, 0.3]], top=2)
    assert (both.labels, [label for label, _ in both.top]) == (["c", "b"], ["c", "b"])
    assert str(both) == "c, b  (c 90.0 %  b 60.0 %)" and repr(both) == "Decision(['c', 'b'])"
    assert (none.labels, str(none)) == ([], "no label  (c 50.0 %  d 30.0 %)")
    assert none.to_dict()["labels"] == []


def test_a_class_beyond_the_labels_is_the_bundles_fault(bundle: Callable[..., Path]) -> None:
    with pytest.raises(BundleError, match="answers class 2, and has 2 labels"):
        headed(bundle, "argmax", labels=["a", "b"]).predict([0.1, 0.2, 0.4, 0.3])
