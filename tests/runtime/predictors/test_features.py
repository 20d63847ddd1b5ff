from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import BundleError, InputError
from edgekit.runtime.bundle import load
from edgekit.runtime.predictors.prediction import Prediction


@pytest.mark.parametrize(
    "x",
    [[0, 1, 2], (0.0, 1.0, 2.0), np.array([0, 1, 2]), np.array([0, 1, 2], np.float32), np.array([0.0, 1, 2])],
    ids=["list", "tuple", "int64", "float32", "float64"],
)
def test_a_vector_of_any_numbers_is_answered(vectors: Path, x: Any) -> None:
    answer = load(vectors).predict(x, top=2)
    assert isinstance(answer, Prediction)
    assert [label for label, _ in answer.top] == ["cow", "bee"]
    assert answer.label == "cow" and answer.probability == pytest.approx(0.6652, abs=1e-4)


@pytest.mark.parametrize("x", [[[0, 1, 2], [5, 4, 3]], np.array([[0, 1, 2], [5, 4, 3]]), [np.arange(3), (5, 4, 3)]])
def test_several_vectors_are_answered_by_a_list_in_their_order(vectors: Path, x: Any) -> None:
    answers = load(vectors).predict(x)
    assert isinstance(answers, list)
    assert [answer.label for answer in answers] == ["cow", "ant"]


@pytest.mark.parametrize("x", [[], np.zeros((0, 3))], ids=["list", "batch"])
def test_no_vectors_get_no_answers(vectors: Path, x: Any) -> None:
    assert load(vectors).predict(x) == []


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([1, 2], r"given float32\[1,2\], expected float32\[N,3\]"),
        ([[1, 2, 3], [4]], "different lengths"),
        ("abc", "for feature vectors"),
        (5, "for feature vectors"),
        (np.zeros((1, 1, 3)), r"given float64\[1,1,3\] for feature vectors"),
        ([1e300, 0, 0], "do not fit float32"),
    ],
    ids=["too-short", "ragged", "text", "number", "three-axes", "too-large"],
)
def test_what_is_no_vector_is_refused(vectors: Path, x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(vectors).predict(x)


def test_a_model_of_another_input_cannot_be_predicted(bundle: Callable[..., Path]) -> None:
    text = "(string[N,M] x) => (string[N,M] logits) { logits = Identity(x) }"
    model = load(bundle(text, "classification", ["x: string[N,M]"], ["logits: string[N,M]"]))
    with pytest.raises(BundleError, match="one numeric input"):
        model.predict([[1.0]])
