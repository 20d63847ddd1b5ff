from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgekit import files, locks
from edgekit.compression import layer_latency, timed, widths
from edgekit.errors import ModelError
from edgekit.exporting import ladder
from edgekit.recipe.loading import load
from edgekit.recipe.schema import Prune
from edgekit.stages import prune
from edgekit.stages.job import Context
from edgekit.workflow import preparing, rehearsal


@pytest.fixture
def context(tiny: Path, tmp_path: Path) -> Iterator[Context]:
    """What the stage is given where an untrained student is kept so far, and there is no teacher."""
    job = preparing.prepare(load(tiny))
    assert job.student
    torch.manual_seed(0)
    device = locks.Device("cpu")
    folder = tmp_path / "prune"
    folder.mkdir()
    yield Context(job, "prune", folder, "key", device, job.student, job.student.make().eval())
    device.close()


def settings(**said: Any) -> Prune:
    return Prune(**{"epochs": 1, "batch": 32, "round_to": 1, **said})


def channels(network: nn.Module | None) -> tuple[int, int]:
    assert network
    first, second = (layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    return first.out_channels, second.out_channels


def test_a_stage_prunes_in_steps_and_each_recovers(context: Context, capsys: pytest.CaptureFixture[str]):
    made = prune.run(settings(ratio=0.5, steps=2, epochs=3), context)
    assert channels(made.network) == (4, 8)
    assert made.said["ratio"] == 0.5
    told = capsys.readouterr().err
    assert "prune, step 1 of 2: " in told
    assert "prune, step 2 of 2: " in told
    first, second = re.findall(r"step . of 2: (.+) parameters became (.+)", told)
    assert first[1] == second[0], "a step begins with what the step before it left"
    assert len((context.folder / "step-1" / "history.jsonl").read_text().splitlines()) == 1
    assert len((context.folder / "history.jsonl").read_text().splitlines()) == 2
    assert not (context.folder / "step-1" / "checkpoint.pt").exists()
    assert context.network is not None
    assert channels(context.network) == (8, 16), "what is kept so far stays as it is"


@pytest.mark.parametrize("kind", ["magnitude", "magnitude-l1", "taylor", "bn-scale", "random"])
def test_a_stage_prunes_by_any_importance(context: Context, kind: str):
    made = prune.run(settings(ratio=0.5, importance=kind, epochs=0), context)
    assert channels(made.network) == (4, 16 if kind == "bn-scale" else 8), "only the first layer has a batch norm"


def test_a_global_ratio_takes_what_is_worth_least(context: Context):
    made = prune.run(settings(ratio=0.5, scope="global", epochs=0), context)
    assert sum(channels(made.network)) == 12


class Killed(BaseException):
    """The process is gone."""


def test_widths_found_by_time_are_not_sought_again(context: Context, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def find(self: object, network: nn.Module, score: object, share: float = 1.0) -> Any:
        asked.append(share)
        return {"first": 6 if share < 1 else 5, "second": 7}, {"asked": 2.0, "predicted": 2.1, "measured": 2.2}

    def dies(network: nn.Module, part: Prune, there: Context) -> None:
        if there.folder == context.folder:
            raise Killed

    monkeypatch.setattr(timed.Narrowing, "__init__", lambda self, *a, **k: None)
    monkeypatch.setattr(timed.Narrowing, "find", find)
    asking, learn = settings(target_speedup=2.0, steps=2, epochs=2), prune.learn
    monkeypatch.setattr(prune, "learn", dies)
    context = dataclasses.replace(context, graph=context.folder / "model.onnx")
    with pytest.raises(Killed):
        prune.run(asking, context)
    monkeypatch.setattr(prune, "learn", learn)
    made = prune.run(asking, context)
    assert asked == [0.5, 1.0]
    assert channels(made.network) == (5, 7)
    assert made.said["speedup"] == {"asked": 2.0, "predicted": 2.1, "measured": 2.2}
    assert "ratio" not in made.said


def test_widths_of_other_settings_are_sought_anew(context: Context, monkeypatch: pytest.MonkeyPatch):
    files.write_sealed(context.folder / "widths.json", {"key": "another", "kept": {"first": 1}, "speedup": {}})
    monkeypatch.setattr(timed.Narrowing, "__init__", lambda self, *a, **k: None)
    found = {"first": 6}, {"asked": 2.0, "predicted": 2.1, "measured": 2.2}
    monkeypatch.setattr(timed.Narrowing, "find", lambda *given: found)
    context = dataclasses.replace(context, graph=context.folder / "model.onnx")
    assert channels(prune.run(settings(target_p50_ms=1.0, epochs=0), context).network) == (6, 16)


def test_a_stage_times_layers_and_trials(context: Context, monkeypatch: pytest.MonkeyPatch):
    """Layers take what they weigh, whatever this machine does now; the incumbent and the trials are timed for real."""

    def times(models: Any, device: str, threads: int) -> dict[str, float]:
        sizes = {name: sum(len(each.raw_data) for each in model.graph.initializer) for name, model in models.items()}
        return {name: size * 1e-3 for name, size in sizes.items()}

    monkeypatch.setattr(layer_latency, "time_models", times)
    monkeypatch.setattr(timed, "_TRIES", 1)
    assert context.network
    context = dataclasses.replace(context, graph=context.folder / "model.onnx")
    ladder.export(context.network, context.job.deployment, context.job.inputs, context.graph)  # type: ignore[arg-type]
    made = prune.run(settings(target_speedup=1.5, epochs=0), context)
    speeds = made.said["speedup"]
    assert speeds["asked"] == 1.5
    assert speeds["predicted"] >= 1.5
    assert np.isfinite(speeds["measured"])
    assert sum(channels(made.network)) < 24
    assert made.network
    assert made.said["layers_changed"] == len(widths.changed(widths.read(context.network), widths.read(made.network)))
    assert [path.name for path in context.folder.iterdir() if path.suffix == ".onnx"] == ["model.onnx"]


def test_a_ratio_that_removes_nothing_is_told_before_recovery(context: Context):
    with pytest.raises(ModelError, match="removes nothing"):
        prune.run(settings(ratio=0.01, epochs=99), context)
    assert not (context.folder / "history.jsonl").exists()


def test_a_recurrent_network_is_refused_before_anything_is_trained(tiny: Path):
    model = tiny.parent / "net.py"
    text = model.read_text().replace("self.head =", "self.memory = nn.GRU(8, 8)\n        self.head =")
    model.with_name("memory.py").write_text(text)
    with pytest.raises(ModelError, match=r'the layer "memory" is recurrent \(GRU\)'):
        rehearsal.rehearse(preparing.prepare(load(tiny, ["student.model=memory.py"])))
