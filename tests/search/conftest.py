"""A tiny recipe with a search, and its plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.search.asking import Asked, Plan

SEARCH = """
search:
  space:
    student.args.width: [4, 8, 12]
    stages.distill.losses.soft-target.temperature: {low: 1, high: 8, log: true}
    stages.distill.epochs: {low: 2, high: 3}
    stages.prune: [true, false]
    stages.prune.ratio: {low: 0.2, high: 0.6}
    stages.quantize: [true, false]
  short: {stages.prune.epochs: 1}
  rungs: [1]
"""

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan(tiny: Path, tmp_path: Path) -> MakePlan:
    """Return what makes a plan of the tiny recipe; `section` stands in for its search."""

    def make(*overrides: str, section: str = SEARCH, trials: int = 4, storage: str | None = None) -> Plan:
        text = tiny.read_text().partition("\nsearch:")[0].rstrip()
        tiny.write_text(f"{text}\n{section}")
        folder = str(tmp_path / "runs" / "tiny" / "search-0")
        return Plan(Asked(str(tiny), overrides, False, trials, 1, storage, folder))

    return make
