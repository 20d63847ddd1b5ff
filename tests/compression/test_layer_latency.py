from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgekit import hardware
from edgekit.compression import importance, layer_latency, layers, targets
from edgekit.compression.groups import Channels
from edgekit.compression.layer_latency import EMPTY, Predictor, Table


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setattr(hardware, "machine", lambda: {"flags": ["avx2"], "cpu": "x", "cores": 2, "usable_cores": 2,
                                                      "system": "x"})  # fmt: skip


class Timer:
    """Takes 4 µs for a run, 3 for each end's lay-out, and 1 for every thousand multiplications."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, models: dict[str, Any]) -> dict[str, float]:
        self.asked += models
        return {name: self.time(name, model) for name, model in models.items()}

    def time(self, name: str, model: Any) -> float:
        if name == EMPTY:
            return 4.0
        weights = next(each for each in model.graph.initializer if each.name == "w")
        size = 1
        for dim in weights.dims:
            size *= dim
        operators = [node.op_type for node in model.graph.node]
        places = 64 if operators[0] == "Conv" else 1
        ends = 6 if operators[0] == "Conv" else 0
        return 4.0 + ends + len(operators) * size * places / 1000


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(8, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.Flatten(), nn.Linear(2048, 3)
    ).eval()


EXAMPLE = torch.zeros(1, 8, 8, 8)
WHOLE = (32 * 8 * 9 * 64 + 32 * 32 * 9 * 64 + 2048 * 3) / 1000


def test_a_layers_time_is_without_that_of_the_run_and_of_the_lay_out(tmp_path: Path):
    table = Table(tmp_path / "table.json", Timer())
    first, second, last = (same[0] for same in layers.layers(network(), EXAMPLE).values())
    assert table.empty == 4
    assert table.cost(first) == pytest.approx(32 * 8 * 9 * 64 / 1000)
    assert table.cost(second) == pytest.approx(32 * 32 * 9 * 64 / 1000)
    assert table.cost(last) == pytest.approx(2048 * 3 / 1000)


def test_what_was_timed_once_is_never_timed_again(tmp_path: Path):
    timer = Timer()
    every = [each for same in layers.layers(network(), EXAMPLE).values() for each in same]
    Table(tmp_path / "table.json", timer).fill(every)
    assert len(timer.asked) == len(set(timer.asked)) == 8  # three layers, two lay-outs by two each, and the empty run
    again = Table(tmp_path / "table.json", timer)
    again.fill(every)
    assert again.cost(every[0]) > 0
    assert len(timer.asked) == 8


def test_a_damaged_table_is_made_again(tmp_path: Path):
    path = tmp_path / "table.json"
    Table(path, Timer()).fill([])
    path.write_text(path.read_text().replace("4.0", "9.0"))
    assert Table(path, Timer()).empty == 4


def test_the_prediction_is_exact_where_layers_are_all_there_is(tmp_path: Path):
    of = network()
    found = layers.layers(of, EXAMPLE)
    predict = Predictor(Table(tmp_path / "t.json", Timer()), found, 4 + WHOLE).of(found)
    groups = Channels(of, EXAMPLE, importance.score("magnitude", of, [], torch.sum, 0)).groups
    assert predict(groups, {}) == pytest.approx(4 + WHOLE)
    narrow = (16 * 8 * 9 * 64 + 8 * 16 * 9 * 64 + 8 * 64 * 3) / 1000
    assert predict(groups, {"0": 16, "2": 8}) == pytest.approx(4 + narrow)
    limit = 4 + 0.6 * WHOLE
    assert targets.uniform_until(limit, predict, 8)(groups) == {"0": 16, "2": 16}
    assert predict(groups, {"0": 24, "2": 24}) > limit > predict(groups, {"0": 24, "2": 16})


def test_all_that_is_no_layer_shrinks_with_them(tmp_path: Path):
    of = network()
    found = layers.layers(of, EXAMPLE)
    predict = Predictor(Table(tmp_path / "t.json", Timer()), found, 4 + 2 * WHOLE).of(found)
    groups = Channels(of, EXAMPLE, importance.score("magnitude", of, [], torch.sum, 0)).groups
    narrow = (16 * 8 * 9 * 64 + 8 * 16 * 9 * 64 + 8 * 64 * 3) / 1000
    assert predict(groups, {"0": 16, "2": 8}) == pytest.approx(4 + 2 * narrow)


def test_tables_are_kept_by_device_and_threads(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path))
    timer = Timer()
    monkeypatch.setattr(layer_latency, "time_models", lambda models, device, threads: timer(models))
    for device, threads in (("cpu", 1), ("cpu", 2), ("cuda", 1), ("cpu", 1)):
        assert layer_latency.table(device, threads).empty == 4
    assert len(timer.asked) == 3
    assert len(list((tmp_path / "layer-latency").glob("*.json"))) == 3


def test_graphs_are_timed_for_real(monkeypatch):
    monkeypatch.setattr(layer_latency, "_SECONDS", 0.01)
    layer = layers.Layer("Gemm", 1, 8, 8)
    taken = layer_latency.time_models({"a": layers.model(layer), "b": layers.model(layer, 2)}, "cpu", 1)
    assert set(taken) == {"a", "b"}
    assert all(0 < each < 1e5 for each in taken.values())
