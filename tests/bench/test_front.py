from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def front(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("front")


def result(seed: int, alone: float, distilled: float, kept: str) -> dict[str, Any]:
    def stage(kind: str, accuracy: float, speed: float | None) -> dict[str, Any]:
        over = {"ratio": speed} if speed else None
        verdict = {"kind": kind, "test": {"value": accuracy}, "parameters": 1000, "speedup_over_teacher": over}
        return {"id": kind, "verdict": verdict}

    stages = [stage("teacher", 0.95, None), stage("student", alone, 20.0), stage("distill", distilled, 22.0 + seed)]
    return {"run": {"seed": seed, "kept": kept, "stages": stages}}


FOUND = {
    "slow": [result(0, 0.90, 0.91, "distill"), result(1, 0.90, 0.93, "student")],
    "fast": [result(18, 0.80, 0.85, "distill")],
}


def test_a_series_holds_the_mean_over_the_seeds_of_every_recipe_from_slow_to_fast(front: ModuleType):
    slow, fast = front.spots(FOUND, "distill")
    assert (slow.speed, fast.speed) == (22.5, 40.0)
    assert slow.accuracy == pytest.approx([91, 93])
    assert slow.middle == pytest.approx(92)


def test_what_was_shipped_is_what_each_run_kept(front: ModuleType):
    slow, _ = front.spots(FOUND, "shipped")
    assert slow.accuracy == pytest.approx([91, 90])


def test_the_plot_is_a_picture_of_1600_by_900(front: ModuleType, tmp_path: Path):
    front.draw(FOUND, tmp_path / "front.png")
    head = (tmp_path / "front.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")) == (1600, 900)
