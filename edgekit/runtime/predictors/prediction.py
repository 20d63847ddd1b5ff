"""The answers a person reads, and how a model's outputs become them. numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from edgekit.errors import BundleError

if TYPE_CHECKING:
    from edgekit.runtime.model import Model

Array = np.ndarray[Any, Any]
_ARRAYS = "call the model with arrays"


class Prediction:
    """`label` and its `probability`; `top`: the likeliest (label, probability) pairs asked for, the best first."""

    __slots__ = ("label", "probability", "top")

    def __init__(self, top: list[tuple[str, float]]) -> None:
        self.label, self.probability = top[0]
        self.top = top

    def to_dict(self) -> dict[str, Any]:
        """Give the answer as JSON-ready values."""
        return {"label": self.label, "top": [list(pair) for pair in self.top]}

    def __str__(self) -> str:
        return "  ".join(f"{label} {100 * probability:.1f} %" for label, probability in self.top)

    def __repr__(self) -> str:
        return f"Prediction({', '.join(f'{label!r}: {probability:.4f}' for label, probability in self.top)})"


class Choice:
    """`label`: the likeliest class, of a model that does not tell how likely it is."""

    __slots__ = ("label",)

    def __init__(self, label: str) -> None:
        self.label = label

    def to_dict(self) -> dict[str, Any]:
        """Give the answer as JSON-ready values."""
        return {"label": self.label}

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"Choice({self.label!r})"


class Decision:
    """`labels`: all that are true of it, perhaps none, and `top`: (label, probability) pairs; the likeliest first."""

    __slots__ = ("labels", "top")

    def __init__(self, labels: list[str], top: list[tuple[str, float]]) -> None:
        self.labels = labels
        self.top = top

    def to_dict(self) -> dict[str, Any]:
        """Give the answer as JSON-ready values."""
        return {"labels": self.labels, "top": [list(pair) for pair in self.top]}

    def __str__(self) -> str:
        best = "  ".join(f"{label} {100 * probability:.1f} %" for label, probability in self.top)
        return f"{', '.join(self.labels) or 'no label'}  ({best})"

    def __repr__(self) -> str:
        return f"Decision({self.labels!r})"


class Value:
    """`value`: a number, in the units the model was made for; an array (K,) where the model tells several."""

    __slots__ = ("value",)

    def __init__(self, value: float | Array) -> None:
        self.value = value

    def to_dict(self) -> dict[str, Any]:
        """Give the answer as JSON-ready values."""
        return {"value": self.value if isinstance(self.value, float) else self.value.tolist()}

    def __str__(self) -> str:
        return "  ".join(f"{value:.6g}" for value in np.atleast_1d(self.value))

    def __repr__(self) -> str:
        return f"Value({self})"


_SHOWN = 8  # numbers of a vector


class Vector:
    """`vector`: an array (D,) that stands for what was given, to be compared with others of the same model."""

    __slots__ = ("vector",)

    def __init__(self, vector: Array) -> None:
        self.vector = vector

    def to_dict(self) -> dict[str, Any]:
        """Give the answer as JSON-ready values."""
        return {"vector": self.vector.tolist()}

    def __str__(self) -> str:
        shown = "  ".join(f"{value:.4g}" for value in self.vector[:_SHOWN])
        return f"{shown}  … {len(self.vector)} numbers" if len(self.vector) > _SHOWN else shown

    def __repr__(self) -> str:
        return f"Vector({self.vector.dtype}[{len(self.vector)}])"


Answer: TypeAlias = Prediction | Choice | Decision | Value | Vector


def classified(model: Model, outputs: Mapping[str, Any], top: int) -> list[Prediction] | list[Choice] | list[Decision]:
    """Return the classes that a model answers, by the head in its graph; a class without a label is called by number.

    A Prediction for each row of "probabilities" (n, classes), of the softmax of "logits", or of "top_probabilities"
    (n, K), which has K pairs at most; a Choice for each "class" (n,); a Decision for each row of "decisions" (n, L).
    """
    if "class" in outputs:
        return [Choice(_label(model, int(number))) for number in _numbers(model, outputs, "class", 1)]
    if "top_classes" in outputs and "top_probabilities" in outputs:
        pairs = (_numbers(model, outputs, name, 2)[:, :top] for name in ("top_classes", "top_probabilities"))
        return [
            Prediction([(_label(model, int(c)), float(p)) for c, p in zip(*row, strict=True)])
            for row in zip(*pairs, strict=True)
        ]
    if "probabilities" in outputs:
        probabilities = outputs["probabilities"]
    elif "logits" in outputs:
        probabilities = _softmax(outputs["logits"])
    else:
        raise BundleError(f'"{model.name}" answers {", ".join(outputs)}: neither "probabilities" nor "logits"', _ARRAYS)
    ranked = _ranked(model, probabilities, top)
    if "decisions" not in outputs:
        return [Prediction(best) for best in ranked]
    decided = _numbers(model, outputs, "decisions", 2)
    every = _ranked(model, np.where(decided, probabilities, -1.0), decided.shape[1])
    chosen = ([label for label, probability in row if probability >= 0] for row in every)
    return [Decision(labels, best) for labels, best in zip(chosen, ranked, strict=True)]


def _label(model: Model, number: int) -> str:
    if not model.labels:
        return str(number)
    if not 0 <= number < len(model.labels):
        raise BundleError(f'"{model.name}" answers class {number}, and has {len(model.labels)} labels', _ARRAYS)
    return model.labels[number]


def _numbers(model: Model, outputs: Mapping[str, Any], name: str, rank: int) -> Array:
    found: Array = outputs[name]
    if found.ndim != rank:
        raise BundleError(f'"{model.name}" answers "{name}" {list(found.shape)}, not in {rank} dimensions', _ARRAYS)
    return found


def _ranked(model: Model, probabilities: Array, top: int) -> list[list[tuple[str, float]]]:
    classes = probabilities.shape[-1]
    if probabilities.ndim != 2 or classes < 1 or (model.labels and len(model.labels) != classes):
        raise BundleError(
            f'"{model.name}" answers {list(probabilities.shape)} for {len(model.labels)} labels',
            _ARRAYS,
        )
    labels = model.labels or [str(index) for index in range(classes)]
    # Stable, so that of equal scores the first class wins, as it does under argmax.
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    return [
        [(labels[index], float(row[index])) for index in best] for row, best in zip(probabilities, order, strict=True)
    ]


def valued(model: Model, outputs: Mapping[str, Any], top: int) -> list[Value]:
    """Return a Value for each row of the output "value", or of the only one: (n,), (n,1) or (n,K)."""
    values = _one(model, outputs, "value", (1, 2)).astype(np.float64)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    return [Value(float(value) if values.ndim == 1 else value) for value in values]


def embedded(model: Model, outputs: Mapping[str, Any], top: int) -> list[Vector]:
    """Return a Vector for each row of the output "vector", or of the only one: (n,D)."""
    return [Vector(vector) for vector in _one(model, outputs, "vector", (2,))]


ANSWERS: dict[str, Callable[[Model, Mapping[str, Any], int], list[Any]]] = {
    "classes": classified,
    "numbers": valued,
    "vectors": embedded,
}


def _one(model: Model, outputs: Mapping[str, Any], name: str, ranks: tuple[int, ...]) -> Array:
    output = outputs.get(name, next(iter(outputs.values())) if len(outputs) == 1 else None)
    if not isinstance(output, np.ndarray) or output.ndim not in ranks or output.dtype.kind not in "fiu":
        raise BundleError(
            f'"{model.name}" answers {", ".join(map(str, model.outputs))}: '
            f'no "{name}" of numbers in {" or ".join(map(str, ranks))} dimensions',
            _ARRAYS,
        )
    return output


def _softmax(logits: Array) -> Array:
    """Return the softmax over the last axis, computed in float64."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
