from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import BundleError, InputError
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model

# The scores of a window are the means of its channels.
MEANS = "(float[N,T,2] window) => (float[N,2] logits) <int64[1] axis = {1}> {\
    logits = ReduceMean<keepdims = 0>(window, axis) }"
WINDOW = np.array([[0, 1], [2, 5], [1, 3]])


@pytest.fixture
def model(bundle: Callable[..., Path]) -> Model:
    said = ["window: float32[N,T,2]"], ["logits: float32[N,2]"]
    return load(bundle(MEANS, "sequence-classification", *said, labels=["rest", "walk"]), threads=1)


@pytest.mark.parametrize("x", [WINDOW, WINDOW.tolist(), WINDOW.astype(np.float32), WINDOW.astype(float)],
                         ids=["int64", "list", "float32", "float64"])  # fmt: skip
def test_a_window_of_any_numbers_is_answered(model: Model, x: Any) -> None:
    answer: Any = model.predict(x)
    assert answer.label == "walk"
    assert answer.probability == pytest.approx(1 / (1 + np.exp(1 - 3)))


@pytest.mark.parametrize("x", [[WINDOW, WINDOW[:, ::-1]], np.stack([WINDOW, WINDOW[:, ::-1]])], ids=["list", "batch"])
def test_several_windows_are_answered_by_a_list_in_their_order(model: Model, x: Any) -> None:
    answers: Any = model.predict(x)
    assert [answer.label for answer in answers] == ["walk", "rest"]


def test_no_windows_get_no_answers(model: Model) -> None:
    assert model.predict([]) == []


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([WINDOW, WINDOW[:2]], "the windows have different lengths"),
        ([1, 2, 3], r"given int64\[3\] for windows"),
        (WINDOW[:, :1], r"given float32\[1,3,1\], expected float32\[N,T,2\]"),
        ("abc", "for windows"),
    ],
    ids=["lengths", "no-channels", "channels", "text"],
)
def test_what_is_no_window_is_refused(model: Model, x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        model.predict(x)


def test_a_model_of_another_input_cannot_take_windows(bundle: Callable[..., Path]) -> None:
    text = "(float[N,T] x) => (float[N,T] logits) { logits = Identity(x) }"
    model = load(bundle(text, "sequence-classification", ["x: float32[N,T]"], ["logits: float32[N,T]"]), threads=1)
    with pytest.raises(BundleError, match=r"one numeric input \[N,T,C\]"):
        model.predict(WINDOW)
