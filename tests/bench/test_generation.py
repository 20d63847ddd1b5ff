from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def generation(script: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "bench")
    return script("generation")


def test_all_ways_write_the_same_text(generation: ModuleType, tmp_path: Path) -> None:
    network = generation.built("lstm", 8)
    ways = generation.ways(network, generation.shipped(network, tmp_path / "cell"))
    first, *others = (way() for way in ways.values())
    assert len(first) == generation.TOKENS
    assert others == [first, first]


def _rows(*lows: float) -> list[dict[str, Any]]:
    return [{"name": str(low), "ratio": {"low": low}} for low in (1.0, *lows)]


@pytest.mark.parametrize(("lows", "code"), [((5.0, 9.0), 0), ((9.0, 4.9), 1)], ids=["all", "one"])
def test_the_quicker_of_pytorchs_ways_must_take_five_times_as_long(
    generation: ModuleType, lows: tuple[float, float], code: int
) -> None:
    assert generation.judged({"gru": _rows(*lows), "rnn": _rows(7.0, 7.0)}) == code
