"""How a recipe's models are scored on its held-out splits, as ONNX files and, while they are trained, as networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
import torch
from torch import nn

from edgekit.data.dataset import NO_PADDING, Dataset, Split, cut, lengths
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.measuring.predicting import Predict
from edgekit.processes import Process
from edgekit.signature import Tensor
from edgekit.stages.job import Network
from edgekit.tasks import Task
from edgekit.training import together

_BATCH = 256
_ALONE = Process()


class Passed:
    """What an app passes of a split's rows: texts as long as the longest of those asked about, all else as it is."""

    def __init__(self, tensor: Tensor, pad: int) -> None:
        self._pad, self._texts = pad, pad != NO_PADDING
        self._cuts = self._texts and isinstance(tensor.shape[1], str)

    def of(self, inputs: np.ndarray) -> np.ndarray:
        """Return `inputs` as they are asked about together."""
        return cut(inputs, self._pad) if self._cuts else inputs

    def typical(self, inputs: np.ndarray, count: int) -> np.ndarray:
        """Return `count` of `inputs` that tell how long an answer takes: the first, of texts those of median length."""
        if not self._texts:
            return inputs[:count]
        long = lengths(inputs, self._pad)
        return self.of(inputs[np.sort(np.argsort(np.abs(long - np.median(long)), kind="stable")[:count])])


class Scoring:
    """Scores whatever answers, by the task's rule, on the splits "validation" and "test".

    An embedding has no targets: there the vectors of `teacher`, which is trained already, stand in for them.
    """

    def __init__(
        self, task: Task, dataset: Dataset, deployment: Deployment, passed: Passed, teacher: Network | None, seed: int
    ) -> None:
        self._task, self._deployment, self._passed = task, deployment, passed
        self._teacher, self._seed = teacher, seed
        self._splits: Mapping[str, Split] = {"validation": dataset.validation, "test": dataset.test}
        self._targets = cache(self._find_targets)

    def score(self, predict: Predict) -> dict[str, np.ndarray]:
        """Return the scores of both splits, float64 (n,)."""
        return {name: self._scores(predict, name) for name in self._splits}

    def validate(self, network: nn.Module) -> float:
        """Return the mean score of `network`, as it stands, on the validation examples.

        Several processes answer a part each, and score all.
        """
        return float(self._scores(answering(network, self._deployment), "validation", together.here()).mean())

    def _scores(self, predict: Predict, name: str, process: Process = _ALONE) -> np.ndarray:
        task, targets = self._task, self._targets(name)
        answers = self._answers(predict, name, process)
        if process.size > 1:
            parts = together.gathered(list(answers))
            answers = iter(sorted((part for each in parts for part in each), key=lambda part: part[0].start))
        if task.whole:
            return task.score(np.concatenate([answer for _, answer in answers]), targets)
        return np.concatenate([task.score(answer, targets[rows]) for rows, answer in answers])

    def _answers(self, predict: Predict, name: str, process: Process = _ALONE) -> Iterator[tuple[slice, np.ndarray]]:
        inputs = self._splits[name].inputs
        for at in range(_BATCH * process.rank, len(inputs), _BATCH * process.size):
            rows = slice(at, at + _BATCH)
            yield rows, predict(self._passed.of(inputs[rows]))

    def _find_targets(self, name: str) -> np.ndarray:
        split = self._splits[name]
        if self._task.targets != "vector" or self._teacher is None:
            return np.asarray(split.targets)
        with torch.random.fork_rng():
            torch.manual_seed(self._seed)  # as a run makes it
            predict = answering(self._teacher.trained(), self._deployment)
        return np.concatenate([answer for _, answer in self._answers(predict, name)])


def answering(network: nn.Module, deployment: Deployment) -> Predict:
    """Make a function of `network` in its deployment, where it is: an app's inputs to its first output."""
    place = next((each.device for each in network.parameters()), torch.device("cpu"))
    deployed = Deployed(network, deployment).to(place).eval()

    @torch.no_grad()
    def predict(inputs: np.ndarray) -> np.ndarray:
        answer = deployed(torch.from_numpy(np.array(inputs)).to(place))
        first: torch.Tensor = answer[0] if isinstance(answer, tuple) else answer
        return np.asarray(first.float().cpu().numpy())

    return predict
