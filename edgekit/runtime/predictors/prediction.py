"""The answer a person reads, and how scores of classes become it. numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import BundleError

if TYPE_CHECKING:
    from edgekit.runtime.model import Model


class Prediction:
    """`label` and its `probability`; `top`: the likeliest (label, probability) pairs asked for, the best first."""

    __slots__ = ("label", "probability", "top")

    def __init__(self, top: list[tuple[str, float]]) -> None:
        self.label, self.probability = top[0]
        self.top = top

    def __repr__(self) -> str:
        return f"Prediction({', '.join(f'{label!r}: {probability:.4f}' for label, probability in self.top)})"


def ranked(model: Model, outputs: dict[str, Any], top: int) -> list[Prediction]:
    """Return a Prediction for each row of the model's "probabilities" (n, classes), or of the softmax of its "logits".

    A class without a label is called by its number.
    """
    if "probabilities" in outputs:
        probabilities = outputs["probabilities"]
    elif "logits" in outputs:
        probabilities = _softmax(outputs["logits"])
    else:
        raise BundleError(
            f'"{model.name}" answers {", ".join(outputs)}: neither "probabilities" nor "logits"',
            "call the model with arrays",
        )
    classes = probabilities.shape[-1]
    if probabilities.ndim != 2 or classes < 1 or (model.labels and len(model.labels) != classes):
        raise BundleError(
            f'"{model.name}" answers {list(probabilities.shape)} for {len(model.labels)} labels',
            "call the model with arrays",
        )
    labels = model.labels or [str(index) for index in range(classes)]
    # Stable, so that of equal scores the first class wins, as it does under argmax.
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return [
        Prediction([(labels[index], float(row[index])) for index in best])
        for row, best in zip(probabilities, order, strict=True)
    ]


def _softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the softmax over the last axis, computed in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
