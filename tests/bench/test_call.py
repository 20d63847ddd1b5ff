from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest

import edgekit


@pytest.fixture
def call(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = script("call")
    monkeypatch.setattr(module, "has_optimum", lambda: False)
    return module


@pytest.mark.parametrize("widths", [(16, 16, 16, 4), (5, 3)], ids=str)
def test_the_networks_open_and_every_way_of_calling_runs(call: ModuleType, widths: tuple[int, ...], tmp_path: Path):
    onnx.save(call.network(widths), tmp_path / "m.onnx")
    model = edgekit.load(tmp_path / "m.onnx", threads=1)
    assert [str(t) for t in (*model.inputs, *model.outputs)] == [
        f"x: float32[N,{widths[0]}]",
        f"y: float32[N,{widths[-1]}]",
    ]
    ways = call.ways(model)
    assert list(ways) == ["session.run(feeds)", "model(feeds)", "model(array)", "bound call"]
    bare, *others = (way() for way in ways.values())
    np.testing.assert_array_equal(bare[0], others[0]["y"])
    np.testing.assert_array_equal(bare[0], others[1]["y"])


def rows(model: tuple[float, float], bound: tuple[float, float]) -> list[dict[str, Any]]:
    added = {"model(feeds)": model, "bound call": bound}
    return [{"name": name, "added_us": {"low": low, "high": high}} for name, (low, high) in added.items()]


@pytest.mark.parametrize(
    ("model", "bound", "code"),
    [((1, 2), (-3, -2), 0), ((2, 9), (-3, -2), 0), ((3.1, 9), (-3, -2), 1), ((1, 2), (-3, 0), 1)],
    ids=["reached", "reached-perhaps", "too-dear", "not-clearly-faster"],
)
def test_what_calls_must_reach_is_judged_by_the_interval(call: ModuleType, model: Any, bound: Any, code: int):
    assert call.judged(rows(model, bound)) == code
