"""The judge's rule: what a step may lose and must gain, and what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgekit import deciding
from edgekit.deciding import Decision, Found
from edgekit.metric import Metric
from edgekit.recipe.schema import Budget

ACCURACY = Metric("accuracy")
INCUMBENT = {"label": "distilled", "bytes": 1000}


def change(points: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"points": points, "low": low, "high": high, "n": None if low is None else 360, "split": "validation"}


def speed(ratio: float, doubt: float = 0.01) -> dict[str, float]:
    return {"ratio": ratio, "low": ratio - doubt, "high": ratio + doubt}


def found(points: float = 0.0, ratio: float = 1.3, bytes_: int = 900, worst: float = 0.0, mb: float = 1.0) -> Found:
    by_class = change(worst, worst - 4, worst + 4) | {"label": "cat", "n": 25}
    return Found(change(points), by_class, speed(ratio), bytes_, {"peak_bytes": 1e6 * mb})


def decide(what: Found, budget: Budget, gains: str = "latency", metric: Metric = ACCURACY) -> Decision:
    return deciding.decide(what, INCUMBENT, budget, gains, metric)


@pytest.mark.parametrize(
    ("what", "budget", "kept", "says"),
    [
        pytest.param(
            found(-0.2), Budget(), True, "1.30× [1.29, 1.31] the speed of distilled, −0.2 points", id="pays"
        ),
        pytest.param(found(-0.6), Budget(), False, "a loss of 0.5 is allowed", id="loses too much"),
        pytest.param(
            found(-0.6), Budget(max_drop_points=None), True, "−0.6 points (no limit is set)", id="no limit to the loss"
        ),
        pytest.param(found(0.4, 0.8, 250), Budget(), False, "not clearly faster", id="slower however small"),
        pytest.param(found(0, 1.015), Budget(), False, "not clearly faster", id="faster by less than sessions differ"),
        pytest.param(found(0, 1.4), Budget(min_speedup=1.5), False, "more than 1.5× is asked", id="not fast enough"),
        pytest.param(
            found(0, 1.0, 250), Budget(min_shrink=3), True, "4.0× smaller than distilled", id="smaller pays if asked"
        ),
        pytest.param(
            found(0, 0.8, 250), Budget(min_shrink=3), False, "not clearly faster", id="smaller and slower does not"
        ),
        pytest.param(
            found(-9.0, 0.5, 999), Budget(max_drop_points=None, min_speedup=0), True, "−9.0 points", id="all may pass"
        ),
        pytest.param(
            found(-0.1, worst=-8.0), Budget(max_class_drop_points=5), False,
            'class "cat" −8.0 points [−12.0, −4.0] (n = 25), and a loss of 5 is allowed to a class', id="a class loses",
        ),
        pytest.param(found(-0.1, worst=-8.0), Budget(), True, "−0.1 points", id="classes without a limit"),
        pytest.param(
            found()._replace(worst=None), Budget(max_class_drop_points=5), False,
            "what each class lost is not known", id="a limit on classes that are unknown",
        ),
        pytest.param(found(), Budget(max_bytes=800), False, "900 bytes, where 800 are allowed", id="too large"),
        pytest.param(
            found(mb=12.34), Budget(max_memory_mb=10), False, "12.3 MB of memory, where 10 MB are allowed",
            id="too much memory",
        ),
        pytest.param(
            found()._replace(memory={"error": "it died"}), Budget(max_memory_mb=10), False,
            "its memory could not be measured: it died", id="memory that nobody knows",
        ),
        pytest.param(found(mb=9.9), Budget(max_bytes=900, max_memory_mb=10), True, "1.30×", id="just inside"),
    ],
)  # fmt: skip
def test_a_step_is_kept_when_its_gain_is_clear_and_its_loss_allowed(
    what: Found, budget: Budget, kept: bool, says: str
) -> None:
    decision = decide(what, budget)
    assert decision.kept is kept
    assert says in decision.reason


def test_every_limit_that_was_broken_is_told() -> None:
    budget = Budget(max_class_drop_points=5, max_bytes=800, max_memory_mb=10, min_speedup=1.5)
    reason = decide(found(-0.6, worst=-8.0, mb=12), budget).reason
    for said in ("loss of 0.5", "to a class", "800 are allowed", "10 MB", "more than 1.5×"):
        assert said in reason
    assert reason.count("−0.6 points") == 1


def test_what_broke_no_limit_is_told_beside_what_did() -> None:
    assert decide(found(-0.6), Budget()).reason.endswith("; 1.30× [1.29, 1.31] the speed of distilled")
    assert decide(found(0.4, 0.8), Budget()).reason.endswith("; +0.4 points")


def test_a_step_outside_the_budget_stays_if_the_recipe_says_so() -> None:
    budget = Budget(keep_anyway=True)
    decision = decide(found(-0.6), budget)
    assert decision.word == "kept" and decision.anyway
    assert "a loss of 0.5 is allowed" in decision.reason
    assert not decide(found(-0.4), budget).anyway
    assert decide(found(-0.1), budget, gains="accuracy").anyway


@pytest.mark.parametrize(
    ("points", "kept", "says"),
    [
        pytest.param(change(0.8, 0.3, 1.3), True, "+0.8 points [+0.3, +1.3] against distilled", id="better"),
        pytest.param(change(0.1, -0.5, 0.7), True, "no clear difference", id="not clearly better"),
        pytest.param(change(-0.1, -0.5, 0.3), False, "no clear difference", id="not better"),
        pytest.param(change(-0.9, -1.5, -0.3), False, "−0.9 points [−1.5, −0.3] against distilled", id="worse"),
    ],
)
def test_a_step_for_accuracy_must_not_lose_any(points: dict[str, Any], kept: bool, says: str) -> None:
    decision = decide(found(ratio=0.9)._replace(change=points), Budget(), gains="accuracy")
    assert decision.kept is kept
    assert says in decision.reason
    assert decision.reason.count("points") == 1


def test_a_step_for_accuracy_is_held_to_sizes_as_well() -> None:
    decision = decide(found(0.3), Budget(max_bytes=800), gains="accuracy")
    assert decision.reason == "900 bytes, where 800 are allowed"


def test_losses_are_told_in_the_unit_of_the_metric() -> None:
    reason = decide(found(-3.0), Budget(), metric=Metric("bits per character", "bits", -1)).reason
    assert reason.startswith("+0.030 bits against distilled, and a loss of 0.005 bits is allowed")


def test_the_worst_class_is_the_one_that_lost_most() -> None:
    classes = np.array([0, 0, 0, 0, 1, 1, 2, 2, -1])
    incumbent = np.array([1, 1, 1, 1, 1, 1, 0, 0, 1.0])
    candidate = np.array([0, 1, 1, 1, 0, 1, 1, 0, 0.0])
    worst = deciding.worst_class(candidate, incumbent, classes, ("a", "b"))
    assert worst and (worst["label"], worst["points"], worst["n"]) == ("b", -50, 2)
    assert worst["low"] < -50 < worst["high"]
    best = deciding.worst_class(incumbent, incumbent, classes, ("a", "b"))
    assert best and best["label"] == "a", "where none lost any, that of which most is known"
    assert deciding.worst_class(np.zeros(()), np.zeros(()), classes, ()) is None
    assert deciding.worst_class(candidate, incumbent, None, ()) is None


def test_a_change_over_windows_of_few_recordings_is_less_sure() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 40)
    incumbent = np.ones(240)
    candidate = (rng.random(240) > np.array([0, 0, 0, 0.1, 0.3, 0.5])[groups]).astype(float)
    alone, grouped = deciding.change(candidate, incumbent), deciding.change(candidate, incumbent, groups)
    assert grouped["groups"] == 6 and grouped["points"] == alone["points"]
    assert grouped["high"] - grouped["low"] > 2 * (alone["high"] - alone["low"])
