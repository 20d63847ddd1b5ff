"""Vectors of numbers into labels. numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import BundleError, InputError
from edgekit.runtime.feeds import NUMBERS, describe, held
from edgekit.runtime.predictors.prediction import Prediction, ranked

if TYPE_CHECKING:
    from edgekit.runtime.model import Model


def predict(model: Model, x: Any, top: int) -> Prediction | list[Prediction]:
    """Return a Prediction for one vector (F,), and a list of them for a batch (N,F): arrays, or lists of numbers."""
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 2 or model.inputs[0].dtype not in NUMBERS:
        raise BundleError(
            f'"{model.name}" takes {", ".join(map(str, model.inputs))}; '
            "vectors are predicted by models of one numeric input [N,F]",
            "call the model with arrays",
        )
    try:
        numbers = np.asarray(x)
    except ValueError:
        raise InputError("the vectors have different lengths") from None
    if numbers.shape == (0,):
        return []
    if numbers.dtype.kind not in "fiu" or numbers.ndim not in (1, 2):
        raise InputError(f"given {describe(numbers)} for feature vectors", "give numbers (F,) or (N,F)")
    tensor = model.inputs[0]
    rows = held(tensor.name, np.atleast_2d(numbers), np.dtype(tensor.dtype))
    answers = ranked(model, model(rows), top)
    return answers if numbers.ndim == 2 else answers[0]
