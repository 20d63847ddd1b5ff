"""What is drawn from a space, and how it is written as overrides."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from edgekit.search import space
from edgekit.search.space import Choices, Numbers


def drawn(dimension: space.Dimension, parameter: Any) -> Any:
    return dimension.draw(optuna.trial.FixedTrial({dimension.key: parameter}))


def test_whole_numbers_are_drawn_where_the_recipes_own_value_is_one(plan: Any) -> None:
    by_key = {each.key: each for each in plan().dimensions}
    temperature = by_key["stages.distill.losses.soft-target.temperature"]
    epochs = by_key["stages.distill.epochs"]
    assert isinstance(temperature, Numbers) and not temperature.whole and temperature.log
    assert isinstance(epochs, Numbers) and epochs.whole
    assert drawn(temperature, 3.14159) == 3.142
    assert drawn(epochs, 3) == 3


def test_rising_numbers_are_drawn_by_place_and_other_choices_by_text() -> None:
    assert drawn(Choices("a", (4, 8, 12)), 1) == 8
    assert drawn(Choices("a", (8, 4)), "4") == 4
    assert drawn(Choices("a", ([1, 2], None, "x")), "[1, 2]") == [1, 2]
    assert drawn(Choices("a", (True, False)), "false") is False


@pytest.mark.parametrize(
    ("dimension", "value", "parameter"),
    [
        (Choices("a", (4, 8)), 8, {"a": 1}),
        (Choices("a", (4, 8)), 6, {}),
        (Choices("a", (True, False)), True, {"a": "true"}),
        (Numbers("a", 1, 9, False, 4, True), 5, {"a": 5}),
        (Numbers("a", 1, 9, False, 4, True), 4, {}),
        (Numbers("a", 0.1, 0.5, False, 1, False), 0.6, {}),
    ],
)
def test_a_value_is_fixed_only_where_it_lies_in_the_space(dimension: Any, value: Any, parameter: Any) -> None:
    assert dimension.fixed(value) == parameter
    assert not parameter or drawn(dimension, parameter["a"]) == value


def test_the_keys_of_a_stage_that_is_left_out_are_not_drawn(plan: Any) -> None:
    dimensions = plan().dimensions
    said = {"student.args.width": 2, "stages.distill.losses.soft-target.temperature": 2.0, "stages.distill.epochs": 2}
    without = {"stages.prune": "false", "stages.quantize": "true"} | said
    values = space.draw(optuna.trial.FixedTrial(without), dimensions)
    assert "stages.prune.ratio" not in values and values["stages.prune"] is False
    assert space.written(values)[-2:] == ["stages.prune=false", "stages.quantize=true"]
    assert "student.args.width=12" in space.written(values)


def test_the_recipes_own_values_are_known(plan: Any) -> None:
    assert plan().own == {
        "student.args.width": 8,
        "stages.distill.losses.soft-target.temperature": 4.0,
        "stages.distill.epochs": 3,
        "stages.prune": True,
        "stages.prune.ratio": 0.5,
        "stages.quantize": True,
    }


NETWORKS = """
search:
  space:
    student: [{model: net.py, args: {width: 4}}, {model: net.py, args: {width: 8}}]
    stages.prune: [true, false]
"""


def test_a_student_is_chosen_whole_and_the_recipes_own_is_known_among_them(plan: Any) -> None:
    given = plan(section=NETWORKS)
    small = {"model": "net.py", "args": {"width": 4}}
    assert given.own == {"student": small | {"args": {"width": 8}}, "stages.prune": True}
    other = plan("student.args.width=12", section=NETWORKS)
    assert other.own == {"stages.prune": True}, "it is none of the choices"
    assert plan().own.keys().isdisjoint({"student"})
    recipe = given.trial({"student": small, "stages.prune": False}).recipe
    assert recipe.student.args == {"width": 4} and not recipe.student.baseline
    changed = plan("student.args.width=12", section=NETWORKS).trial({"student": small}).recipe
    assert changed.student.args == {"width": 12}, "what the user says counts more than what was drawn"


def test_no_step_of_a_trial_is_undone_for_its_accuracy_which_is_searched_for(plan: Any) -> None:
    said = "{max_drop_points: 0.1, max_class_drop_points: 2, max_bytes: 5000}"
    given = plan(*(f"{at}budget={said}" for at in ("", "student.", "stages.prune.")))
    recipe = given.trial({}).recipe
    for budget in (recipe.budget, recipe.student.budget, recipe.stages["prune"].budget):
        assert budget
        assert (budget.max_drop_points, budget.max_class_drop_points, budget.max_bytes) == (None, None, 5000)
    assert list(given.trial({"stages.prune": False}).recipe.stages) == ["distill", "quantize"]


def test_a_trial_is_the_recipe_shortened_changed_and_drawn(plan: Any) -> None:
    recipe = plan("stages.prune.epochs=2").trial({"student.args.width": 4, "stages.quantize": False}).recipe
    assert recipe.student.args == {"width": 4} and not recipe.student.baseline and recipe.search is None
    assert list(recipe.stages) == ["distill", "prune"]
    assert recipe.stages["prune"].epochs == 2, "what the user says counts more than short"
    assert recipe.stages["distill"].validate_every == 1, "rungs are heard after every epoch"
