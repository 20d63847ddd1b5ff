from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from edgekit import locks
from edgekit.compression import trained_graph
from edgekit.compression.fake_quantized import FakeQuantized
from edgekit.compression.trained_graph import Proof
from edgekit.errors import ModelError
from edgekit.exporting import ladder
from edgekit.recipe.loading import load
from edgekit.recipe.schema import Budget, Quantize, Rounded
from edgekit.stages import quantize
from edgekit.stages.job import Context, Made
from edgekit.training import checkpoint
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


OUT_OF_REACH = Budget(max_drop_points=-200, min_speedup=0)
SHORT = Rounded(epochs=1, batch=64, learning_rate=0.01)


@pytest.fixture
def trainable(context: Context) -> Context:
    """The same, with the network that the graph was exported from."""
    torch.manual_seed(0)
    return dataclasses.replace(context, network=context.origin.make().eval())


def test_training_makes_a_graph_that_is_the_trained_network(trainable: Context, capsys: pytest.CaptureFixture[str]):
    made = quantize.run(Quantize(method="training", train=SHORT, reduce_range=True), trainable)
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators(made)
    assert made.said["way"] == "training" and made.said["epochs"] == 1 and made.said["reduce_range"]
    assert made.said["proof"]["same"] > 0.99 and made.said["proof"]["within"] == 1
    assert "8-bit values are the trained network's" in capsys.readouterr().err
    assert len((trainable.folder / "history.jsonl").read_text().splitlines()) == 1
    weights = [
        numpy_helper.to_array(tensor) for tensor in onnx.load(made.graph).graph.initializer if tensor.data_type == 3
    ]
    assert max(int(np.abs(each.astype(int)).max()) for each in weights) == 64, "7 bits"


class Killed(BaseException):
    """The process is gone."""


def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(
    trainable: Context, monkeypatch: pytest.MonkeyPatch
):
    trained: list[dict[str, torch.Tensor]] = []

    def write(network: FakeQuantized, _: object, __: object, target: Path) -> Proof:
        trained.append(network.state_dict())
        target.write_bytes(b"")
        return Proof(1, 1, 0, 0, 0, 1)

    def save(path: Path, key: str, state: dict[str, Any]) -> None:
        kept(path, key, state)
        raise Killed

    monkeypatch.setattr(trained_graph, "write", write)
    asked, kept = Quantize(method="training", train=SHORT.model_copy(update={"epochs": 2})), checkpoint.save
    quantize.run(asked, trainable)
    again = dataclasses.replace(trainable, folder=trainable.folder / "again")
    with monkeypatch.context() as killed, pytest.raises(Killed):
        killed.setattr(checkpoint, "save", save)
        quantize.run(asked, again)
    quantize.run(asked, again)
    first, second = trained
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("budget", "trains"),
    [(OUT_OF_REACH, True), (Budget(max_drop_points=100, min_speedup=0), False), (Budget(min_speedup=100), False)],
    ids=["accuracy", "within", "speed"],
)
def test_auto_trains_only_where_accuracy_is_what_fails(
    budget: Budget, trains: bool, trainable: Context, monkeypatch: pytest.MonkeyPatch
):
    trained = []
    monkeypatch.setattr(quantize, "_trained", lambda _, context: trained.append(1) or Made(graph=context.graph))
    asked = Quantize(method="auto", calibration_samples=32, budget=budget)
    made = quantize.run(asked, trainable)
    assert bool(trained) == trains
    assert ("after_training" in made.said) == trains
    monkeypatch.setattr(quantize, "_searched", None)
    assert quantize.run(asked, trainable).said == made.said, "what was searched is not searched again"


def test_auto_keeps_the_nearest_where_nothing_can_be_trained(context: Context, capsys: pytest.CaptureFixture[str]):
    made = quantize.run(Quantize(method="auto", calibration_samples=32, budget=OUT_OF_REACH), context)
    assert "QuantizeLinear" in operators(made) and not made.said["within_budget"]
    assert "is an ONNX graph; the nearest so far is judged" in capsys.readouterr().err


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRU(6, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cell(x[:, 0])[0][:, -1])


def test_what_cannot_be_trained_is_found_before_anything_is(context: Context, capsys: pytest.CaptureFixture[str]):
    example = torch.zeros(2, 1, 6, 6)
    with pytest.raises(ModelError, match='"cell" is a recurrent layer'):
        quantize.check(Quantize(method="training"), context.job, Recurrent(), example)
    quantize.check(Quantize(method="auto"), context.job, Recurrent(), example)
    assert not capsys.readouterr().err  # auto has other ways, and may never come to this one
