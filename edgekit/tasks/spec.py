"""What every task says of itself. numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Task:
    """What a model is for: what people give it, what it answers them, and how good that is.

    `predictor` names the module of `edgekit.runtime.predictors` that reads what is given; None leaves it to the
    model's inputs. `answer` is "classes" (label, probability, top), "numbers" (value), "vectors" (vector) or "tokens".

    `targets` is what an example is to be answered by: "class" int64 (n,), "number" float32 (n,) or (n, K), "labels"
    float32 (n, K) of 0 and 1, "token" int64 (n, T), the token after each of the inputs', or "vector": there are no
    labels, and the teacher's vectors stand in for them. Losses are found by it.

    `score(outputs, targets)` returns float64, so that two models can be compared example by example, and more is
    better; with `whole` it must be given a split at once, for what it divides by hangs on all. What is shown as
    `metric` is `sign` times its mean, -1 where people know a figure of which less is better; `unit` is "%" where that
    is a share of 1. `heads` are the outputs a model may be exported with, the first being the default.
    `check(targets, labels)` raises DataError where targets are not what the task needs; `labels` is how many there are.
    """

    name: str
    predictor: str | None
    answer: str
    targets: str
    metric: str
    heads: tuple[str, ...]
    score: Callable[[np.ndarray, np.ndarray], np.ndarray]
    check: Callable[[np.ndarray, int], None]
    sign: int = 1
    unit: str = "%"
    whole: bool = False
