"""A verdict holds every figure, and is given once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgekit import locks
from edgekit.errors import ExportError
from edgekit.exporting.deployment import Deployment
from edgekit.judging import Candidate, Judge, estimate
from edgekit.latency.conditions import Conditions, Watch
from edgekit.measuring.predicting import Predict
from edgekit.metric import Metric
from edgekit.recipe.schema import Budget, Measure
from edgekit.signature import Tensor


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
    yield Judge(tmp_path, deployment, Metric("accuracy"), Counting(), inputs, Measure(seconds=0.02), 0, device)
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


@pytest.mark.parametrize(("others", "doubted"), [(0.0, False), (1.9, True)])
def test_what_kept_the_machine_busy_while_it_was_timed_stands_in_the_notes(
    judge: Judge, monkeypatch: pytest.MonkeyPatch, others: float, doubted: bool
) -> None:
    seen = Conditions(1.0, 2.0, 2, others, governor="powersave", battery=True)
    monkeypatch.setattr(Watch, "seen", lambda watch: seen)
    notes = judge.judge(linear(judge.root), None, None, Budget(), "latency", "first").verdict["notes"]
    said = "while teacher was timed, others kept 1.9 of the 2 processors busy: its ratios are doubtful"
    assert notes == [said] * doubted, "a battery slows all alike"


def test_a_compression_is_timed_layer_by_layer_and_another_step_is_not(judge: Judge) -> None:
    teacher = judge.judge(linear(judge.root), None, None, Budget(), "latency", "first")
    graph = judge.root / "prune" / "model.onnx"
    graph.parent.mkdir()
    graph.write_bytes(teacher.graph.read_bytes())
    pruned = dataclasses.replace(linear(judge.root, "prune"), graph=graph, network=None)
    rows = judge.judge(pruned, teacher, teacher, Budget(), "latency", "second").verdict["layers"]
    assert [row["nodes"] != [] for row in rows] == [True, False]
    assert rows[0]["layer"].endswith("network")
    other = judge.judge(linear(judge.root, "distill"), teacher, teacher, Budget(), "latency", "third")
    assert teacher.verdict["layers"] == other.verdict["layers"] == []


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
    judged = dataclasses.replace(judge, classes={"test": classes}).judge(
        linear(judge.root), None, None, Budget(), "latency", "key"
    )
    by_class = judged.verdict["test"]["per_class"]
    assert by_class[1] is None
    assert by_class[0] == judged.scores["test"][:4].mean()


def test_of_two_classes_f1_of_the_last_stands_beside_accuracy(judge: Judge) -> None:
    classes = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    two = dataclasses.replace(judge.deployment, labels=("different", "same"))
    of_two = dataclasses.replace(judge, deployment=two, classes={"test": classes})
    judged = of_two.judge(linear(judge.root), None, None, Budget(), "latency", "key")
    said = judged.scores["class"] == 1
    found = judged.verdict["test"]["f1"]
    assert (found["label"], found["n"]) == ("same", 8)
    assert found["value"] == 2 * np.sum(said & (classes == 1)) / (np.sum(said) + 4)
    of_three = dataclasses.replace(judge, classes={"test": classes})
    assert of_three.judge(linear(judge.root), None, None, Budget(), "latency", "other")[0]["test"]["f1"] is None


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


def test_the_class_that_lost_most_and_the_memory_it_took_stand_in_the_verdict(judge: Judge) -> None:
    classes = np.array([0, 0, 0, 0, 2, 2, 2, 2])
    judge = dataclasses.replace(judge, classes={"validation": classes})
    teacher = judge.judge(linear(judge.root), None, None, Budget(), "latency", "first")
    assert teacher.verdict["worst_class"] is None and teacher.verdict["memory"] == {}
    budget = Budget(min_speedup=0, max_memory_mb=1e-6, max_class_drop_points=0, keep_anyway=True)
    verdict = judge.judge(linear(judge.root, "student"), teacher, teacher, budget, "latency", "second").verdict
    assert verdict["worst_class"]["points"] == 0 and verdict["worst_class"]["label"] == "a"
    assert 0 < verdict["memory"]["peak_bytes"] < 1e8
    assert (verdict["decision"], verdict["anyway"]) == ("kept", True)
    assert "MB of memory, where 1e-06 MB are allowed" in verdict["reason"]


def test_intervals_are_over_groups_where_examples_hang_together(judge: Judge) -> None:
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    judge = dataclasses.replace(judge, groups={"validation": groups, "test": groups})
    teacher = judge.judge(linear(judge.root), None, None, Budget(), "latency", "first")
    student = judge.judge(linear(judge.root, "student"), teacher, teacher, Budget(), "latency", "second")
    assert teacher.verdict["test"]["groups"] == student.verdict["change"]["groups"] == 2
    assert "the judge sees little: n = 8 of 2 groups" in student.verdict["notes"]
