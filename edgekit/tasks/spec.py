"""What every task says of itself. numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Purpose:
    """What a bundle may be for: what people give it, and what it answers them.

    `predictor` names the module of `edgekit.runtime.predictors` that reads what is given; None leaves it to the
    model's inputs. `answer` is "classes" (label, probability, top), "numbers" (value) or "vectors" (vector).
    """

    name: str
    predictor: str | None
    answer: str


@dataclass(frozen=True)
class Task(Purpose):
    """A purpose that recipes train for.

    `metric` is the mean of `score(outputs, targets)`, one float per example in 0..1, so that two models can be
    compared example by example. `heads` are the outputs a model may be exported with, the first being the default.
    `check(targets, classes)` raises DataError where targets are not what the task needs.
    """

    predictor: str
    metric: str
    heads: tuple[str, ...]
    score: Callable[[np.ndarray, np.ndarray], np.ndarray]
    check: Callable[[np.ndarray, int], None]
