"""What is found out about a user's own metric by asking it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgekit.judging import Predict
from edgekit.signature import Tensor
from edgekit.workflow.given import HeldOut

X = np.zeros((6, 4), np.float32)
Y = np.array([2, 0, 1, 1, 2, 0])


def held_out(evaluate: Callable[[Predict], Any], test: Callable[[Predict], Any] | None = None) -> HeldOut:
    return HeldOut(evaluate, test, Tensor.parse("input: float32[N,4]"), 0)


def right(targets: np.ndarray) -> Callable[[Predict], np.ndarray]:
    return lambda predict: np.asarray(predict(X).argmax(1) == targets)


def test_an_accuracy_tells_the_class_of_every_test_example() -> None:
    found = held_out(right(Y)).classes(3)
    assert found is not None
    assert found.tolist() == Y.tolist()
    found = held_out(right(Y), right(Y[::-1])).classes(3)
    assert found is not None
    assert found.tolist() == Y[::-1].tolist(), "test examples, where they are others"


@pytest.mark.parametrize(
    ("evaluate", "count"),
    [
        pytest.param(lambda predict: float((predict(X).argmax(1) == Y).mean()), 3, id="one number"),
        pytest.param(lambda predict: np.where(predict(X).argmax(1) == Y, 1.0, 0.5), 3, id="half a point"),
        pytest.param(lambda predict: predict(X).argmax(1) >= 0, 3, id="all is right"),
        pytest.param(right(Y), 2, id="more classes than outputs"),
        pytest.param(right(Y), 1, id="a single output"),
        pytest.param(right(Y), 21, id="too many to ask for each"),
    ],
)
def test_any_other_metric_tells_none(evaluate: Callable[[Predict], Any], count: int) -> None:
    assert held_out(evaluate).classes(count) is None
