"""What labelled examples say of a model: the metric that fits its outputs, a score for each example. numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from edgekit.errors import DataError
from edgekit.signature import Tensor
from edgekit.tasks import get

Outputs = Mapping[str, np.ndarray]


class Labelled(NamedTuple):
    """What examples should be answered: `score(outputs, targets)` gives a number for each, the metric is their mean."""

    metric: str
    targets: np.ndarray
    score: Callable[[Outputs, np.ndarray], np.ndarray]


def labelled(targets: np.ndarray, outputs: Sequence[Tensor], examples: int) -> Labelled:
    """Choose the metric for `targets`, the labels of so many examples, by what a model answers.

    Class numbers give the accuracy: of the output "class", of the first of "top_classes", else of where the first
    output is largest. Truth values beside "decisions" give the share that is decided rightly, and numbers shaped as the
    first output the mean absolute error. DataError where nothing fits.
    """
    if len(targets) != examples:
        raise DataError(f"there are {len(targets)} labels y for {examples} examples", "give one for each")
    metric, score = _metric(targets, {tensor.name for tensor in outputs}, outputs[0])
    if score is None:
        told = f"{targets.dtype}[{','.join(map(str, targets.shape))}]"
        raise DataError(
            f"the labels y are {told}, and the first output {outputs[0]}: there is no metric for them",
            "give class numbers from 0, or numbers shaped as the output",
        )
    return Labelled(metric, targets, score)


def _metric(
    targets: np.ndarray, names: Collection[str], first: Tensor
) -> tuple[str, Callable[[Outputs, np.ndarray], np.ndarray] | None]:
    whole = targets.dtype.kind in "iu"
    rank = len(first.shape)
    if "decisions" in names and targets.ndim == rank and targets.dtype.kind in "iub":
        return "label accuracy", lambda said, wanted: _each(said["decisions"] == wanted.astype(bool))
    if whole and "class" in names and targets.ndim == rank:
        return "accuracy", lambda said, wanted: _each(said["class"] == wanted)
    if whole and "top_classes" in names and targets.ndim == rank - 1:
        return "accuracy", lambda said, wanted: _each(said["top_classes"][..., 0] == wanted)
    if whole and first.dtype.startswith("float") and targets.ndim == rank - 1:
        correct = get("classification").score
        return "accuracy", lambda said, wanted: _each(correct(said[first.name], wanted))
    shape = first.shape[:-1] if first.shape[-1:] == (1,) and targets.ndim == rank - 1 else first.shape
    fits = len(shape) == targets.ndim and all(
        isinstance(dim, str) or dim == size for dim, size in zip(shape[1:], targets.shape[1:], strict=True)
    )
    if targets.dtype.kind == "f" and fits:
        return "mean absolute error", lambda said, wanted: _each(
            np.abs(said[first.name].reshape(wanted.shape) - wanted)
        )
    return "", None


def _each(scores: np.ndarray) -> np.ndarray:
    """Give one number for each example."""
    each: np.ndarray = scores.reshape(len(scores), -1).astype(np.float64).mean(1)
    return each
