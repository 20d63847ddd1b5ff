"""One trial: how it ends before its time, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.search import trial
from edgekit.search.asking import Plan
from edgekit.search.front import Point
from edgekit.search.trial import Sight, take

ALONE = ("teacher=null", "stages={quantize: {calibration_samples: 32}}", "student.train={epochs: 3, batch: 32}")
SECTION = "search: {space: {student.args.width: [4, 8]}, rungs: [1]}\n"
VALUES = {"student.args.width": 4}


class Notes(dict[str, Any]):
    """What a trial noted for others to see, and what it is told of them."""

    def sight(self, *peers: Point, own: bool = False, finished: Any = None) -> Sight:
        return Sight(None, finished or {}, lambda epoch: peers, self.__setitem__, own)


@pytest.fixture
def alone(plan: Any) -> Any:
    """Return what makes a plan without a teacher: its student learns from labels, and nothing else is trained first."""
    return lambda *overrides: plan(*ALONE, *overrides, section=SECTION)


def ended(plan: Plan, sight: Sight) -> tuple[str, str]:
    outcome = take(plan, VALUES, sight)
    assert outcome["seconds"] > 0
    return outcome["state"], outcome["why"]


def test_a_student_beyond_the_limits_is_not_trained_and_an_equal_one_is_not_looked_at_again(alone: Any) -> None:
    plan, notes = alone("targets.bytes=200"), Notes()
    first = take(plan, VALUES, notes.sight())
    state, why = first["state"], first["why"]
    assert state == "infeasible" and why.startswith("untrained, at best ") and "200 B is asked for" in why
    assert notes["estimate"]["bytes"] > 200 and notes["estimate"]["p50_ms"] > 0
    assert not list(plan.folder.glob("trials/*/student"))
    again = take(plan, VALUES, Notes().sight(finished={notes["run"]: (7, first)}))
    assert again | {"seconds": 0} == first | {"why": "the same as trial 7", "duplicate": 7, "seconds": 0}


def test_a_trial_that_others_leave_behind_ends_at_the_rung(alone: Any) -> None:
    plan, notes = alone(), Notes()
    better = [(-2.0, 1e-6, 1.0)] * 4
    assert ended(plan, notes.sight(*better)) == ("stopped", "behind 4 others after 1 epoch")
    assert list(notes["rungs"]) == ["1"]
    assert not list(plan.folder.glob("trials/*/*/checkpoint.pt"))
    assert (plan.folder / notes["run"] / "student" / "history.jsonl").exists() is False, "it ended within its epoch"


def test_what_cannot_be_run_fails_with_its_reason(alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state, why = ended(alone("student.args.depth=3"), Notes().sight())
    assert state == "failed" and "depth" in why

    def broken(*_: Any) -> Any:
        raise RuntimeError("no memory\nfor this")

    monkeypatch.setattr(trial.running, "run", broken)
    assert ended(alone(), Notes().sight()) == ("failed", "RuntimeError: no memory")


def test_the_recipes_own_trial_goes_to_its_end_and_says_what_it_breaks(alone: Any) -> None:
    plan = alone("targets.bytes=200", "targets.accuracy=0.99", "student.train.epochs=1")
    notes = Notes()
    outcome = take(plan, VALUES, notes.sight(*[(-2.0, 1e-6, 1.0)] * 4, own=True))
    assert outcome["state"] == "infeasible" and outcome["why"].endswith("where 200 B is asked for")
    assert outcome["kept"] in ("student", "quantize") and outcome["metric"] == pytest.approx(100 * outcome["score"])
    assert outcome["speedup"] is None and outcome["p50_ms"] > 0
    assert outcome["excess"]["bytes"] > 1 and outcome["excess"]["metric"] > -0.02
    assert (plan.folder / outcome["run"] / "bundle" / "model.onnx").exists()
