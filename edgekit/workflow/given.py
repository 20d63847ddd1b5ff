"""What a user gives instead of a recipe: a loader, a metric and modules, read, checked and made part of a job."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgekit.errors import DataError, ModelError, UsageError
from edgekit.exporting.cases import BATCHES
from edgekit.measuring.predicting import Predict
from edgekit.recipe.networks import Train
from edgekit.runtime.feeds import Feeds, describe
from edgekit.signature import DTYPES, Tensor
from edgekit.stages.job import Network, onnx_network
from edgekit.training.batches import LoaderSource
from edgekit.training.randomness import seeded

Evaluate = Callable[[Predict], "np.ndarray | float"]
Teacher = nn.Module | str | os.PathLike[str]  # a path is an ONNX file's
_CALIBRATION_BATCH = 32
_ASKED = 20  # classes
_SCORES = "return a score in 0..1 for every example, or one number; as many for every model"


class Examples:
    """The user's loader, read once: its first `keep` inputs, how many there are, and a hash of all."""

    def __init__(self, loader: Iterable[Any], seed: int, keep: int) -> None:
        self.source, self.count = LoaderSource(loader), 0
        self._digest, self._form, kept = hashlib.sha256(), "", list[np.ndarray]()
        try:
            with seeded(seed, 0):
                for batch in self.source.epoch(0):
                    inputs, targets = (part.detach().cpu().numpy() for part in (batch.inputs, batch.targets))
                    if not self.count:
                        self.first = batch
                    kept.append(inputs[: max(keep - self.count, 0)].copy())
                    self._take(inputs, targets)
        except (TypeError, ValueError, IndexError, RuntimeError) as error:  # numpy's, torch's, the loader's own
            told = f"the loader yields what no arrays can be made of: {error}"
            raise DataError(told, "yield pairs of one tensor of inputs and one of targets") from error
        if self.count < max(BATCHES):
            raise DataError(f"the loader yields {self.count} examples; the proof needs at least {max(BATCHES)}")
        self.digest = self._digest.hexdigest()
        self.inputs = np.concatenate(kept)
        self.tensor = Tensor("input", str(self.inputs.dtype), ("N", *self.inputs.shape[1:]))

    def _take(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        form = describe(inputs[:0])
        self._form = self._form or form
        if form != self._form or inputs.shape[:1] != targets.shape[:1] or str(inputs.dtype) not in DTYPES:
            raise DataError(
                f"after {self.count} examples the loader yields inputs {describe(inputs)}, targets {describe(targets)}",
                "give every input one target, and the dtype and shape of the first",
            )
        self.count += len(inputs)
        for part in (inputs, targets):
            self._digest.update(describe(part).encode() + part.tobytes())

    def calibration(self, count: int) -> Iterator[dict[str, np.ndarray]]:
        """Yield feeds of the first `count` examples."""
        for at in range(0, min(count, len(self.inputs)), _CALIBRATION_BATCH):
            yield {self.tensor.name: self.inputs[at : min(at + _CALIBRATION_BATCH, count)]}


class HeldOut:
    """The user's metric on held-out data: drawn with the same random numbers every time, and checked."""

    def __init__(self, evaluate: Evaluate, test: Evaluate | None, tensor: Tensor, seed: int) -> None:
        self._evaluate, self._test, self._seed = evaluate, test, seed
        self._name, self._feeds = tensor.name, Feeds([tensor], cast=True)
        self._shapes: dict[str, tuple[int, ...]] = {}

    def score(self, predict: Predict) -> dict[str, np.ndarray]:
        """Score a model on the splits "validation" and "test"."""
        scores = self._scores("evaluate", self._evaluate, predict)
        return {"validation": scores, "test": self._scores("test", self._test, predict) if self._test else scores}

    def validate(self, predict: Predict) -> float:
        """Return the mean score on the split "validation"."""
        return float(self._scores("evaluate", self._evaluate, predict).mean())

    def classes(self, count: int, split: str = "test") -> np.ndarray | None:
        """Find the class of every example of a split, by naming each of `count` classes for all; int (n,).

        None where the metric is not whether the class is named rightly, or the classes are too many to ask for each.
        """
        if not 1 < count <= _ASKED:
            return None
        asked = self._test if split == "test" else None
        name, evaluate = ("test", asked) if asked else ("evaluate", self._evaluate)

        def right(label: int) -> np.ndarray:
            row = np.eye(count, dtype=np.float32)[label]
            return self._scores(name, evaluate, lambda inputs: np.repeat(row[None], len(inputs), axis=0))

        scores = np.array([right(label) for label in range(count)])
        if scores.ndim != 2 or not np.isin(scores, (0, 1)).all() or (scores.sum(axis=0) != 1).any():
            return None
        found: np.ndarray = scores.argmax(axis=0)
        return found

    def _scores(self, name: str, evaluate: Evaluate, predict: Predict) -> np.ndarray:
        with seeded(self._seed, 0):
            values = evaluate(lambda inputs: predict(self._feeds(np.asarray(inputs))[self._name]))
        try:
            scores = np.asarray(values)
        except (TypeError, ValueError, RuntimeError):  # ragged, on another device, with its gradient
            scores = np.asarray(None)
        if scores.dtype.kind not in "biuf":
            raise DataError(f"{name} returned a {type(values).__name__}", _SCORES)
        scores = scores.astype(np.float64)
        known = self._shapes.setdefault(name, scores.shape)
        if scores.ndim > 1 or not scores.size or not np.isfinite(scores).all() or scores.shape != known:
            before = f", and {list(known)} before" if scores.shape != known else ""
            told = np.array2string(scores, threshold=6)
            raise DataError(f"{name} returned {describe(scores)}{before}: {told}", _SCORES)
        return scores


def teacher(given: Teacher, train: Train) -> Network:
    """Make of a module, or of the path of an ONNX file, what a job's teacher is."""
    if isinstance(given, nn.Module):
        return network(given, train)
    if not Path(given).is_file():
        raise ModelError(f'there is no ONNX file "{os.fspath(given)}"', "a teacher is a module, or an ONNX file's path")
    if train.epochs:
        raise UsageError("an ONNX file is trained already", "leave teacher_training out")
    return onnx_network(Path(given), train)


def network(module: nn.Module, train: Train) -> Network:
    """Make of a module what a job builds from: copies of it as it is now, known by the hash of its weights."""
    digest = hashlib.sha256(repr(module).encode())
    for value in module.state_dict().values():
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    try:
        start = copy.deepcopy(module).cpu()
    except Exception as error:  # what a module holds may refuse in its own way
        raise ModelError(f"a {type(module).__name__} cannot be copied: {error}", "build it anew") from error
    identity = {"class": type(module).__qualname__, "sha256": digest.hexdigest()}
    return Network(lambda: copy.deepcopy(start), identity, train)
