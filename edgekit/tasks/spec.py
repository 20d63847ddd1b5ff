"""What every task says of itself. numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Task:
    """A kind of job.

    `metric` is the mean of `score(outputs, targets)`, one float per example in 0..1, so that two models can be
    compared example by example. `heads` are the outputs a model may be exported with, the first being the default.
    `predictor` names the module of `edgekit.runtime.predictors` that turns people's things into answers.
    `check(targets, classes)` raises DataError where targets are not what the task needs.
    """

    name: str
    metric: str
    heads: tuple[str, ...]
    predictor: str
    score: Callable[[np.ndarray, np.ndarray], np.ndarray]
    check: Callable[[np.ndarray, int], None]
