"""The judge's rule, and that a verdict is given once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgekit import locks
from edgekit.errors import ExportError
from edgekit.exporting.deployment import Deployment
from edgekit.judging import Candidate, Judge, Judged, Predict, decide, estimate
from edgekit.recipe.schema import Budget, Measure
from edgekit.signature import Tensor


def change(points: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"points": points, "low": low, "high": high, "n": None if low is None else 360, "split": "validation"}


def speed(ratio: float, doubt: float = 0.01) -> dict[str, float]:
    return {"ratio": ratio, "low": ratio - doubt, "high": ratio + doubt}


INCUMBENT = Judged({"label": "distilled", "stage": "distill", "bytes": 1000, "key": "k"}, Path("model.onnx"), {})


@pytest.mark.parametrize(
    ("points", "ratio", "bytes_", "budget", "kept", "says"),
    [
        pytest.param(
            -0.2, 1.3, 900, Budget(), True, "1.30× [1.29, 1.31] the speed of distilled, −0.2 points", id="pays"
        ),
        pytest.param(-0.6, 1.3, 900, Budget(), False, "a loss of 0.5 is allowed", id="loses too much"),
        pytest.param(-0.6, 1.3, 900, Budget(max_drop_points=None), True, "−0.6 points", id="no limit to the loss"),
        pytest.param(0.4, 0.8, 250, Budget(), False, "not clearly faster", id="slower however small"),
        pytest.param(0.0, 1.015, 900, Budget(), False, "not clearly faster", id="faster by less than sessions differ"),
        pytest.param(0.0, 1.4, 900, Budget(min_speedup=1.5), False, "more than 1.5× is asked", id="not fast enough"),
        pytest.param(
            0.0, 1.0, 250, Budget(min_shrink=3), True, "4.0× smaller than distilled", id="smaller pays if asked"
        ),
        pytest.param(
            0.0, 0.8, 250, Budget(min_shrink=3), False, "not clearly faster", id="smaller and slower does not"
        ),
        pytest.param(
            -9.0, 0.5, 999, Budget(max_drop_points=None, min_speedup=0), True, "−9.0 points", id="all may pass"
        ),
    ],
)
def test_a_step_is_kept_when_its_gain_is_clear_and_its_loss_allowed(
    points: float, ratio: float, bytes_: int, budget: Budget, kept: bool, says: str
) -> None:
    decision, reason = decide(change(points), speed(ratio), bytes_, INCUMBENT, budget, "latency")
    assert decision is kept
    assert says in reason


@pytest.mark.parametrize(
    ("found", "kept", "says"),
    [
        pytest.param(change(0.8, 0.3, 1.3), True, "+0.8 points [+0.3, +1.3] against distilled", id="better"),
        pytest.param(change(0.1, -0.5, 0.7), True, "no clear difference", id="not clearly better"),
        pytest.param(change(-0.1, -0.5, 0.3), False, "no clear difference", id="not better"),
    ],
)
def test_a_step_for_accuracy_must_not_lose_any(found: dict[str, Any], kept: bool, says: str) -> None:
    decision, reason = decide(found, speed(0.9), 1000, INCUMBENT, Budget(), "accuracy")
    assert decision is kept
    assert says in reason


def test_a_single_score_for_a_split_has_no_interval() -> None:
    assert estimate(np.float64(0.5)[()] + np.zeros(())) == {"value": 0.5, "low": None, "high": None, "n": None}


class Counting:
    """A scorer that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, predict: Predict) -> dict[str, np.ndarray]:
        self.asked += 1
        right = (predict(np.eye(8, 4, dtype=np.float32)).argmax(1) == 0).astype(float)
        return {"validation": right, "test": right}


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    deployment = Deployment(Tensor.parse("x: float32[N,4]"), "logits", labels=("a", "b", "c"))
    inputs = np.random.default_rng(0).standard_normal((8, 4), dtype=np.float32)
    device = locks.Device("cpu")
    yield Judge(tmp_path, deployment, "accuracy", Counting(), inputs, Measure(seconds=0.02), 0, device)
    device.close()


def linear(folder: Path, name: str = "teacher") -> Candidate:
    torch.manual_seed(0)
    return Candidate(name, name, name, folder / name, network=nn.Linear(4, 3).eval(), parameters=15)


def test_a_verdict_holds_every_figure_of_the_table(judge: Judge) -> None:
    teacher = judge.judge(linear(judge.root), None, None, Budget(), "latency", "first")
    student = judge.judge(linear(judge.root, "student"), teacher, teacher, Budget(min_speedup=0), "latency", "second")
    assert teacher.verdict["decision"] == "reference"
    assert teacher.verdict["speedup"] is None
    verdict = student.verdict
    assert verdict["decision"] == "kept"
    assert verdict["incumbent"] == "teacher"
    assert verdict["change"]["points"] == 0.0
    assert verdict["macs"] == 12
    assert verdict["latency"]["p50_us"] > 0
    assert verdict["latency"]["n"] >= 64
    assert verdict["speedup"]["low"] <= verdict["speedup"]["ratio"] <= verdict["speedup"]["high"]
    assert verdict["speedup_over_teacher"] == verdict["speedup"]
    assert verdict["parity"]["batches"] == [1, 2, 7]
    assert (judge.root / verdict["model"]["file"]).stat().st_size == verdict["bytes"]
    with np.load(judge.root / "student" / "times.npz") as times:
        assert {"candidate.times_ns", "incumbent.times_ns"} <= set(times)


def test_a_verdict_is_given_once_for_the_same_key(judge: Judge) -> None:
    first = judge.judge(linear(judge.root), None, None, Budget(), "latency", "key")
    again = judge.judge(linear(judge.root), None, None, Budget(), "latency", "key")
    assert again.verdict == first.verdict
    assert isinstance(judge.score, Counting)
    assert judge.score.asked == 1
    judge.judge(linear(judge.root), None, None, Budget(), "latency", "another key")
    assert judge.score.asked == 2


def test_what_a_model_answers_to_the_test_examples_is_kept_and_found_again(judge: Judge) -> None:
    first = judge.judge(linear(judge.root), None, None, Budget(), "latency", "key")
    assert ((first.scores["class"] == 0) == first.scores["test"]).all()
    assert first.scores["confidence"].shape == (8,)
    assert ((first.scores["confidence"] > 1 / 3) & (first.scores["confidence"] < 1)).all()
    again = judge.judge(linear(judge.root), None, None, Budget(), "latency", "key")
    assert all((again.scores[name] == values).all() for name, values in first.scores.items())


def test_a_verdict_on_a_file_that_was_altered_is_given_again(judge: Judge, capsys: pytest.CaptureFixture[str]) -> None:
    judge.judge(linear(judge.root), None, None, Budget(), "latency", "key")
    (judge.root / "teacher" / "model.onnx").write_bytes(b"something else")
    again = judge.judge(linear(judge.root), None, None, Budget(), "latency", "key")
    assert again.graph.stat().st_size > 100
    assert "judging again" in capsys.readouterr().err


def test_accuracy_by_class_knows_classes_without_examples(judge: Judge) -> None:
    classes = np.array([0, 0, 0, 0, 2, 2, 2, 2])
    judged = dataclasses.replace(judge, classes=classes).judge(
        linear(judge.root), None, None, Budget(), "latency", "key"
    )
    by_class = judged.verdict["test"]["per_class"]
    assert by_class[1] is None
    assert by_class[0] == judged.scores["test"][:4].mean()


class Trap(nn.Linear):
    """Answers otherwise while it is exported."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        return y + 1 if torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting() else y


def test_a_candidate_whose_export_answers_otherwise_gets_no_verdict(judge: Judge) -> None:
    candidate = dataclasses.replace(linear(judge.root), network=Trap(4, 3).eval())
    with pytest.raises(ExportError, match="PyTorch gives"):
        judge.judge(candidate, None, None, Budget(), "latency", "key")
    assert not (judge.root / "teacher" / "verdict.json").exists()
    assert not (judge.root / "teacher" / "model.onnx").exists()
