from __future__ import annotations

from typing import Any

import pytest

from edgekit.errors import UsageError
from edgekit.recipe.loading import load
from edgekit.recipe.schema import Prune


def test_an_override_reads_its_value_as_yaml(tiny: Any) -> None:
    path = tiny.write()
    changes = [
        "teacher.args.width=12",
        "teacher.train.learning_rate=2e-3",
        "budget.max_drop_points=null",
        "stages.prune.losses.soft-target.temperature=2",
    ]
    recipe = load(path, changes).recipe
    assert recipe.teacher and recipe.teacher.args == {"depth": 8, "width": 12}
    assert recipe.teacher.train.learning_rate == 0.002
    assert recipe.budget.max_drop_points is None
    assert isinstance(recipe.stages["prune"], Prune) and recipe.stages["prune"].losses.soft_target.temperature == 2


def test_an_overridden_value_is_placed_at_the_override(tiny: Any) -> None:
    path = tiny.write()
    assert tiny.refusal(path, "stages.prune.ratio=1.4").faults[0][0] == f"{path} (override), stages.prune.ratio"
    assert tiny.refusal(path, "stages.prune={ratio: 1.4}").faults[0][0] == f"{path} (override), stages.prune.ratio"


def test_a_value_under_quick_is_placed_at_its_line_there(tiny: Any) -> None:
    path = tiny.write(tiny.text.replace("stages.prune.epochs: 1}", "stages.prune.epochs: -1}"))
    line = tiny.line("quick:")
    for quick in (False, True):
        assert tiny.refusal(path, quick=quick).faults == [
            (f"{path}:{line}, stages.prune.epochs", "-1 is not at least 0")
        ], quick


def test_a_fault_that_an_override_mends_is_no_fault(tiny: Any) -> None:
    path = tiny.write(tiny.text.replace("ratio: 0.5", "ratio: 1.4"))
    prune = load(path, ["stages.prune.ratio=0.25"]).recipe.stages["prune"]
    assert isinstance(prune, Prune) and prune.ratio == 0.25


def test_quick_comes_before_the_overrides_of_the_user(tiny: Any) -> None:
    path = tiny.write()

    def epochs(overrides: list[str], quick: bool) -> list[int]:
        stages = load(path, overrides, quick).recipe.stages
        return [getattr(stages[name], "epochs", 0) for name in ("distill", "prune")]

    assert epochs([], False) == [4, 3]
    assert epochs([], True) == [1, 1]
    assert epochs(["stages.prune.epochs=7"], True) == [1, 7]


@pytest.mark.parametrize(
    "override",
    ["foo", "=3", "stages..ratio=1", "stages.prune.ratio=[1", "student.baseline=yes", "a=!!python/name:x y"],
)
def test_what_is_no_override_is_wrong_usage(tiny: Any, override: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(tiny.write(), [override])
    assert caught.value.hint


OVERRIDES = {
    "stages.prnue.ratio=1": 'cannot be set: there is no stage "prnue"; did you mean "prune"?',
    "stages.prune.rato=0.5": 'unknown key; did you mean "ratio"?',
    "seed.x=3": '{"x": 3} is not an integer',
    "task.x=3": 'cannot be set: task is "image-classification", which has no keys',
    "taecher.train.epochs=1": 'unknown key; did you mean "teacher"?',
}


@pytest.mark.parametrize(("override", "complaint"), OVERRIDES.items(), ids=OVERRIDES)
def test_an_override_that_leads_nowhere_names_the_nearest(tiny: Any, override: str, complaint: str) -> None:
    place, said = tiny.refusal(tiny.write(), override).faults[0]
    assert complaint in said and "(override)" in place


SLIPS = {
    "a slip under quick": (
        "quick: {stages.distill.epochs", "quick: {stages.distill.epcohs", "stages.distill.epcohs", "unknown key"
    ),
    "a stage under quick that is not there": (
        "quick: {stages.distill", "quick: {stages.distil", "stages.distil.epochs", 'did you mean "distill"?'
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "complaint"), SLIPS.values(), ids=SLIPS)
def test_a_slip_under_quick_does_not_wait_for_quick(tiny: Any, old: str, new: str, place: str, complaint: str) -> None:
    text = tiny.text.replace(old, new, 1)
    assert text != tiny.text
    error = tiny.refusal(tiny.write(text))
    found = [said for where, said in error.faults if where.endswith(f", {place}")]
    assert any(complaint in said for said in found), error.faults
    assert all(where.startswith(str(tiny.folder / "tiny.yaml")) for where, _ in error.faults)
