"""What does not fit each other is told before `edgekit.distill` trains anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.errors import DataError, EdgekitError, InputError, ModelError, UsageError
from edgekit.judging import Predict
from edgekit.signature import Tensor
from edgekit.workflow import given

GENERATOR = torch.Generator().manual_seed(0)
X, Y = torch.randn(24, 6, generator=GENERATOR), torch.arange(24) % 3
HELD_OUT, ANSWERS = torch.randn(80, 6, generator=GENERATOR).numpy(), np.arange(80) % 3
TENSOR = Tensor("input", "float32", ("N", 6))


def network(outputs: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, outputs))


def correct(predict: Predict) -> np.ndarray:
    return np.asarray(predict(HELD_OUT).argmax(1) == ANSWERS)


def small(*pairs: Any) -> dict[str, Any]:
    return {"train": list(pairs)}


FAULTS: dict[str, tuple[dict[str, Any], type[EdgekitError], str]] = {
    "generator": ({"train": (pair for pair in [(X, Y)])}, DataError, "the loader has no length"),
    "empty": (small(), DataError, "the loader yields 0 examples; the proof needs at least 7"),
    "inputs alone": (small(X), DataError, "batch 0 of the loader is not a pair"),
    "dicts": (small({"x": X, "y": Y}), DataError, "batch 0 of the loader is not a pair"),
    "words": (small((["a", "b"], Y)), DataError, "the loader yields what no arrays can be made of"),
    "nothing": (small((X, None)), DataError, "the loader yields what no arrays can be made of"),
    "two inputs": (small(((X, X), Y)), DataError, "the loader yields what no arrays can be made of"),
    "too few targets": (small((X, Y[:3])), DataError, r"yields inputs float32\[24,6\], targets int64\[3\]"),
    "other inputs": (small((X, Y), (X[:, :3], Y)), DataError, r"after 24 examples the loader yields .*\[24,3\]"),
    "other dtype": (small((X, Y), (X.double(), Y)), DataError, r"after 24 examples the loader yields .* float64"),
    "float64": (small((X.double(), Y)), ModelError, r"the teacher, Sequential, fails on inputs float64\[8,6\]"),
    "unknown class": (small((X, Y + 7)), DataError, "a label is 9, and the network answers 3 classes"),
    "float targets": (small((X, Y.float())), ModelError, "the loss fails on outputs"),
    "stage": ({"stages": {"distil": {}}}, UsageError, 'stages.distil: there is no kind of stage "distil"; one of'),
    "key": ({"stages": {"distill": {"epocs": 1}}}, UsageError, 'stages.distill.epocs: .* did you mean "epochs"'),
    "range": ({"stages": {"prune": {"ratio": 2}}}, UsageError, "stages.prune.ratio: 2 is not between 0 and 1"),
    "order": ({"stages": {"quantize": None, "distill": None}}, UsageError, "distill cannot follow quantize"),
    "stage name": ({"stages": {"teacher": {"kind": "distill"}}}, UsageError, '"teacher" cannot be a stage\'s id'),
    "budget": ({"budget": {"max_drop": 1}}, UsageError, 'budget.max_drop: .* did you mean "max_drop_points"'),
    "measure": ({"measure": {"threads": 0}}, UsageError, "measure.threads: 0 is not at least 1"),
    "training": ({"teacher_training": {"epoch": 1}}, UsageError, 'teacher_training.epoch: .* did you mean "epochs"'),
    "name": ({"name": "../elsewhere"}, UsageError, '"../elsewhere" cannot name a run'),
    "output": ({"output": "logit"}, UsageError, 'there is no output "logit"'),
    "labels": ({"labels": ["one", "two"]}, ModelError, "answers 3 classes, and the data has 2"),
    "student": ({"student": network(4)}, ModelError, r"answers \[3\] to an input, and the student \[4\]"),
    "no score": ({"evaluate": lambda predict: None}, DataError, "evaluate returned a NoneType"),
    "outputs": ({"evaluate": lambda predict: predict(HELD_OUT)}, DataError, r"evaluate returned float64\[80,3\]"),
    "no scores": ({"evaluate": lambda predict: []}, DataError, r"evaluate returned float64\[0\]"),
    "nan": ({"evaluate": lambda predict: np.nan}, DataError, "evaluate returned .* nan"),
    "dict": ({"test": lambda predict: {"accuracy": 1}}, DataError, "test returned a dict"),
    "other form": ({"evaluate": lambda predict: predict(HELD_OUT[:, 1:])}, InputError, r"given float32\[80,5\]"),
}


@pytest.mark.parametrize(("change", "kind", "said"), FAULTS.values(), ids=FAULTS.keys())
def test_what_does_not_fit_is_told_before_anything_is_trained(
    tmp_path: Path, change: dict[str, Any], kind: type[EdgekitError], said: str
) -> None:
    with pytest.raises(kind, match=said):
        arguments = {"train": [(X, Y)], "evaluate": correct, "folder": tmp_path, "student": network()} | change
        edgekit.distill(network(), **arguments)
    assert not list(tmp_path.glob("distilled"))


def test_scores_that_cannot_be_paired_are_refused() -> None:
    answers = iter([80, 79])
    held_out = given.HeldOut(lambda predict: np.ones(next(answers)), None, TENSOR, 0)
    held_out.score(lambda inputs: inputs)
    with pytest.raises(DataError, match=r"evaluate returned float64\[79\], and \[80\] before"):
        held_out.score(lambda inputs: inputs)


def test_a_metric_may_ask_in_lists_tensors_and_float64_and_draws_the_same_examples_each_time(tmp_path: Path) -> None:
    seen: list[np.ndarray] = []

    def drawn(predict: Predict) -> np.ndarray:
        chosen = torch.randperm(80)[:20]
        for inputs in (
            torch.from_numpy(HELD_OUT)[chosen],
            HELD_OUT[chosen].tolist(),
            HELD_OUT[chosen].astype(np.float64),
        ):
            predict(inputs)
        return np.asarray(predict(HELD_OUT[chosen]).argmax(1) == ANSWERS[chosen])

    held_out = given.HeldOut(drawn, None, TENSOR, 3)
    for _ in range(2):
        held_out.score(lambda inputs: seen.append(inputs) or inputs)  # type: ignore[func-returns-value]
    assert len(seen) == 8
    assert all(np.allclose(inputs, seen[0]) and inputs.dtype == np.float32 for inputs in seen)
