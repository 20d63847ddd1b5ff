"""What the recipe's targets forbid a trial."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.metric import Metric
from edgekit.recipe.loading import load
from edgekit.search import limits

FIGURES = {"p50_ms": 0.2, "speedup": 5.0, "bytes": 1000, "metric": 90.0}


def test_limits_are_the_targets_with_the_metric_as_it_is_shown(tiny: Path) -> None:
    recipe = load(tiny, ["targets.accuracy=0.9", "targets.p50_ms=0.1"]).recipe
    assert limits.read(recipe, Metric("accuracy")) == {"metric": 90.0, "p50_ms": 0.1, "speedup": None, "bytes": None}
    recipe = load(tiny, ["targets.metric=1.5"]).recipe
    assert limits.read(recipe, Metric("bits", "bits", -1))["metric"] == 1.5


@pytest.mark.parametrize(
    ("limit", "sign", "over"),
    [
        ({"p50_ms": 0.1}, 1, 1.0),
        ({"p50_ms": 0.4}, 1, -0.5),
        ({"speedup": 10.0}, 1, 0.5),
        ({"bytes": 500}, 1, 1.0),
        ({"metric": 100.0}, 1, 0.1),
        ({"metric": 100.0}, -1, -0.1),
        ({"metric": 80.0}, -1, 0.125),
    ],
)
def test_an_excess_is_the_part_of_the_limit_that_is_broken(limit: dict[str, float], sign: int, over: float) -> None:
    assert limits.excess(limit, FIGURES, sign) == {next(iter(limit)): pytest.approx(over)}


def test_what_is_broken_is_said_and_the_metric_of_a_short_training_breaks_nothing() -> None:
    assert limits.broken({"metric": 99.0, "p50_ms": 0.3, "speedup": None, "bytes": None}, FIGURES) is None
    said = limits.broken({"metric": 99.0, "p50_ms": 0.1, "speedup": 6.0, "bytes": 900}, FIGURES)
    assert said == (
        "0.2 ms where 0.1 ms is asked for; 5 times the teacher's speed where 6 times the teacher's speed is asked for;"
        " 1.0 KB where 900 B is asked for"
    )


def test_pruning_and_8_bits_may_still_make_an_untrained_student_small_enough(tiny: Path) -> None:
    whole = limits.hoped(load(tiny).recipe, FIGURES)
    bare = limits.hoped(load(tiny, ["stages.prune=false", "stages.quantize=false"]).recipe, FIGURES)
    assert bare["bytes"] == pytest.approx(800) and whole["bytes"] == pytest.approx(50)
    assert whole["speedup"] == pytest.approx(100)
    assert limits.hoped(load(tiny).recipe, FIGURES | {"speedup": None})["speedup"] is None
