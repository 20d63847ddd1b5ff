from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
import torch

from edgekit import locks
from edgekit.exporting import ladder
from edgekit.recipe.loading import load
from edgekit.recipe.schema import Budget, Quantize
from edgekit.stages import quantize
from edgekit.stages.job import Context
from edgekit.workflow import preparing


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept") / "model.onnx"


@pytest.fixture
def context(tiny: Path, tmp_path: Path, graph: Path) -> Iterator[Context]:
    """What the stage is given where an untrained student is kept so far."""
    job = preparing.prepare(load(tiny))
    assert job.student
    torch.manual_seed(0)
    if not graph.exists():
        ladder.export(job.student.make().eval(), job.deployment, job.inputs, graph)
    device = locks.Device("cpu")
    folder = tmp_path / "quantize"
    folder.mkdir()
    yield Context(job, "quantize", folder, "key", device, job.student, graph=graph)
    device.close()


def operators(made: quantize.Made) -> set[str]:
    assert made.graph
    return {node.op_type for node in onnx.load(made.graph).graph.node}


def test_static_makes_one_twin(context: Context):
    made = quantize.run(Quantize(calibration_samples=32), context)
    assert "QuantizeLinear" in operators(made) and made.said["weights"] == "int8"


def test_auto_tries_every_way_and_hands_the_judge_the_best_or_the_nearest(context: Context):
    budget = Budget(max_drop_points=100, min_speedup=0)
    made = quantize.run(Quantize(method="auto", calibration_samples=32, budget=budget), context)
    assert [each["way"] for each in made.said["attempts"]][:4] == ["u8s8", "u8s7", "s8s8", "u8u8"]
    assert made.said["way"] in ("u8s8", "u8s7", "s8s8", "u8u8") and "QuantizeLinear" in operators(made)
    speeds = {each["way"]: each["speed"]["ratio"] for each in made.said["attempts"]}
    assert made.said["within_budget"] or max(speeds.values()) < 1.1
