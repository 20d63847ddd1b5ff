from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from edgekit.compression import importance, layers, pruning
from edgekit.compression.groups import Score
from edgekit.compression.layer_latency import EMPTY, Table
from edgekit.compression.timed import Clock, Narrowing
from edgekit.exporting import ladder
from edgekit.exporting.deployment import Deployment
from edgekit.latency.samples import Samples
from edgekit.recipe.schema import Measure
from edgekit.signature import Tensor

EXAMPLE = torch.zeros(2, 64)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8)).eval()


def score(of: nn.Module) -> Score:
    return importance.score("magnitude", of, [], lambda batch, outputs: outputs.sum(), 0)


def works(of: nn.Module) -> int:
    return sum(layer.weight.numel() for layer in of.modules() if isinstance(layer, nn.Linear))


def timer(models: dict[str, Any]) -> dict[str, float]:
    return {
        name: 0.0 if name == EMPTY else math.prod(model.graph.initializer[0].dims) / 100
        for name, model in models.items()
    }


class Watch(Clock):
    """Finds that a network with a part of the multiplications takes that part to the power `truth` of the time."""

    def __init__(self, truth: float) -> None:
        self.__dict__ |= {"measure": Measure(), "quiet": contextlib.nullcontext, "truth": truth, "asked": []}

    def incumbent(self) -> Samples:
        return Samples("incumbent", np.full(100, 200_000), np.arange(100), True, np.zeros(100, int), 0)

    def speedup(self, network: nn.Module) -> float:
        self.asked.append(network)  # type: ignore[attr-defined]
        return (works(globals()["network"]()) / works(network)) ** self.truth  # type: ignore[attr-defined, no-any-return]


def narrowing(clock: Clock, folder: Path, speedup: float | None = None, p50_ms: float | None = None) -> Narrowing:
    return Narrowing(
        clock, network(), EXAMPLE, speedup=speedup, p50_ms=p50_ms, scope="global", round_to=2,
        table=Table(folder / "table.json", timer),
    )  # fmt: skip


def test_a_speed_up_is_found_at_once_where_the_prediction_holds(tmp_path: Path):
    clock = Watch(1.0)
    kept, speeds = narrowing(clock, tmp_path, speedup=2.0).find(network(), score)
    assert len(clock.asked) == 1  # type: ignore[attr-defined]
    assert speeds["asked"] == 2
    assert speeds["predicted"] == pytest.approx(speeds["measured"])
    assert 2 <= speeds["measured"] < 2.1
    assert set(kept) == {"0", "2"}


def test_what_is_slower_than_predicted_is_narrowed_further(tmp_path: Path):
    clock = Watch(0.8)
    _, speeds = narrowing(clock, tmp_path, speedup=2.0).find(network(), score)
    assert 1 < len(clock.asked) <= 3  # type: ignore[attr-defined]
    assert speeds["predicted"] > speeds["measured"] >= 2 / 1.02


def test_milliseconds_are_what_the_incumbent_takes_divided(tmp_path: Path):
    found = narrowing(Watch(1.0), tmp_path, p50_ms=0.05)
    assert found.us == 200
    assert found.asked == pytest.approx(4)


def test_a_step_goes_its_part_of_the_way(tmp_path: Path):
    way = narrowing(Watch(1.0), tmp_path, speedup=9.0)
    kept, speeds = way.find(network(), score, share=0.5)
    assert speeds["asked"] == 3
    half = network()
    pruning.prune(half, EXAMPLE, lambda groups: kept, score(half), network())
    _, speeds = way.find(half, score)
    assert speeds["asked"] == 9
    assert 9 <= speeds["measured"] < 12


def test_the_network_that_is_asked_about_stays_as_it_was(tmp_path: Path):
    of = network()
    narrowing(Watch(1.0), tmp_path, speedup=2.0).find(of, score)
    assert layers.layers(of, EXAMPLE) == layers.layers(network(), EXAMPLE)


def convolutions() -> nn.Module:
    torch.manual_seed(0)
    made: list[nn.Module] = [nn.Conv2d(3, 64, 3, padding=1), nn.ReLU()]
    for _ in range(4):
        made += [nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*made, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)).eval()


@pytest.mark.slow
def test_a_pruned_network_is_as_fast_as_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path))
    of, inputs = convolutions(), np.random.default_rng(0).standard_normal((8, 3, 24, 24), dtype=np.float32)
    deployment = Deployment(Tensor.parse("x: float32[N,3,24,24]"), "logits")
    graph, trial = tmp_path / "incumbent.onnx", tmp_path / "trial.onnx"
    ladder.export(of, deployment, inputs, graph)
    clock = Clock(graph, deployment, inputs, Measure(seconds=1), trial, contextlib.nullcontext)
    way = Narrowing(clock, of, torch.from_numpy(inputs), speedup=1.5, p50_ms=None, scope="global", round_to=None)
    kept, speeds = way.find(of, score)
    assert speeds["measured"] == pytest.approx(1.5, rel=0.25)
    assert speeds["predicted"] == pytest.approx(speeds["measured"], rel=0.25)
    assert min(kept.values()) < 64
    assert not trial.exists()
    assert onnx.load(graph).graph.node
