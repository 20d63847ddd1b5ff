from __future__ import annotations

import numpy as np
import pytest

from edgekit.measuring.answers import Noted

LOGITS = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25]], np.float32)) + 40


@pytest.mark.parametrize(
    ("outputs", "form"),
    [
        pytest.param(LOGITS, "logits", id="logits, far from 0"),
        pytest.param(np.exp(LOGITS - 40), "probabilities", id="probabilities"),
    ],
)
def test_the_class_and_its_probability_are_kept_of_every_answer(outputs: np.ndarray, form: str) -> None:
    noted = Noted(lambda inputs: outputs[inputs], form)
    assert (noted(np.array([0, 1])) == outputs[:2]).all()
    noted(np.array([2]))
    told = noted.last(3)
    assert told["class"].tolist() == [0, 2, 1]
    assert told["confidence"] == pytest.approx([0.7, 0.8, 0.5], abs=1e-5)
    assert noted.last(1)["class"].tolist() == [1]


@pytest.mark.parametrize(
    "outputs",
    [np.zeros((3, 1)), np.zeros(3), np.zeros((3, 4, 2)), np.array([[0.0, np.nan]] * 3)],
    ids=["one number", "no classes", "boxes", "not a number"],
)
def test_nothing_is_kept_of_what_names_no_class(outputs: np.ndarray) -> None:
    noted = Noted(lambda _: outputs, "logits")
    noted(np.zeros(3))
    assert noted.last(3) == {}


@pytest.mark.parametrize("output", ["value", "vector", "threshold=0.5"])
def test_numbers_vectors_and_labels_apart_name_no_class(output: str) -> None:
    noted = Noted(lambda _: LOGITS, output)
    noted(np.zeros(3))
    assert noted.last(3) == {}


def test_fewer_answers_than_scores_are_none() -> None:
    noted = Noted(lambda _: LOGITS, "logits")
    noted(np.zeros(3))
    assert noted.last(4) == noted.last(0) == {}
