from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

import edgekit


@pytest.fixture
def batching(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "bench")
    return script("batching")


def rounds(*figures: tuple[int, float]) -> list[dict[str, object]]:
    """Rounds of so many calls of so many milliseconds."""
    return [{"times": np.full(n, ms * 1e6), "per_second": 2.0 * n} for n, ms in figures]


def test_a_way_is_compared_with_the_first_round_by_round(batching: ModuleType):
    """The machine is half as fast in the second round, which no ratio may show."""
    told = batching.row("mine", rounds((600, 1), (300, 2)), rounds((200, 5), (100, 9)))
    assert told["ratio"] == {"value": 3, "low": 3, "high": 3}
    assert (told["n"], told["per_second"]) == (900, 900)
    assert (told["p50_ms"], told["p99_ms"], told["longest_ms"]) == (1, 2, 2)


def test_no_percentile_is_told_of_too_few_calls(batching: ModuleType):
    assert batching.row("mine", rounds((600, 1)), rounds((600, 1)))["p99_ms"] is None


@pytest.mark.parametrize("name", ["small", "convolutions"])
def test_every_way_answers(batching: ModuleType, name: str, tmp_path: Path):
    onnx.save(batching.MODELS[name](), tmp_path / "m.onnx")
    told = batching.measured(edgekit.load(tmp_path / "m.onnx", threads=1), callers=3, rounds=2, seconds=0.02)
    assert [way["name"] for way in told] == list(batching.WAYS)
    assert all(way["n"] >= 6 and way["ratio"]["low"] > 0 for way in told)
