"""What may be searched, and that every fault of a search is told at its own line before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import RecipeError
from edgekit.recipe.loading import load, resolved


def written(tiny: Any, space: str = "{student.args.width: [4, 8]}", rest: str = "") -> Path:
    path: Path = tiny.write(tiny.text + f"search:\n  space: {space}\n{rest}")
    return path


def faults(tiny: Any, space: str = "{student.args.width: [4, 8]}", rest: str = "") -> list[tuple[str, str]]:
    with pytest.raises(RecipeError) as caught:
        load(written(tiny, space, rest))
    return [(place.partition(", ")[2], said) for place, said in caught.value.faults]


def test_a_search_is_read_and_does_not_change_what_a_run_is(tiny: Any) -> None:
    before = resolved(load(tiny.write()).recipe)
    space = "{stages.prune.ratio: {low: 0.2, high: 0.6}, stages.prune: [true, false]}"
    loaded = load(written(tiny, space, "  short: {stages.distill.epochs: 2}\n  rungs: [1]\n")).recipe
    assert loaded.search and loaded.search.rungs == [1]
    assert list(loaded.search.space) == ["stages.prune.ratio", "stages.prune"]
    assert resolved(loaded) == before


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("{student.args.width: [8]}", "[8] leaves nothing to choose"),
        ("{student.args.width: []}", "[] leaves nothing to choose"),
        ("{student.args.width: [8, 8, 4]}", "[8, 8, 4] says a choice twice"),
        ("{student.args.width: 8}", "8 is neither a list of choices nor a range"),
        ("{student.args.width: {low: 8}}", "is missing"),
        ("{student.args.width: {low: 8, high: 4}}", "low is 8 and high 4"),
        ("{student.args.width: {low: 0, high: 4, log: true}}", "0 is not above 0, and log asks for ratios"),
        ("{student.args.width: {low: 1, high: 4, step: 8}}", "8 is wider than the range"),
        ("{student.args.width: {low: 0.5, high: 4, step: 1}}", "1 cannot be: steps are of whole numbers"),
        ("{stages.prune: [true]}", "[true] does not say whether the stage is in or out"),
        ("{data.seed: [1, 2]}", '"data.seed" cannot be searched: a key begins with student. or stages.'),
        ("{student: [1, 2]}", "[1, 2] is no list of students"),
        ("{student: {low: 1, high: 2}}", '{"low": 1, "high": 2} is no list of students'),
        ("{student: [{model: resnet.py}]}", '[{"model": "resnet.py"}] leaves nothing to choose'),
        ("{student: [{model: a.py}, {model: b.py}, {model: a.py}]}", "a list of 3 says a choice twice"),
    ],
)
def test_a_faulty_entry_is_told_at_its_key(tiny: Any, space: str, said: str) -> None:
    ((place, complaint),) = faults(tiny, space)
    assert place.startswith("search.space.") and complaint == said


@pytest.mark.parametrize(
    ("space", "place", "said"),
    [
        ("{stages.prune.ratio: {low: 0.2, high: 1.5}}", "stages.prune.ratio", "1.5 is not between 0 and 1"),
        ("{stages.prune.epochs: [1, 1.5]}", "stages.prune.epochs", "1.5 is not an integer of at least 0"),
        ("{stages.prun.ratio: [0.1, 0.2]}", "stages.prun.ratio", 'there is no stage "prun"; did you mean "prune"?'),
        ("{stages.prune.ration: [0.1, 0.2]}", "stages.prune.ration", 'unknown key; did you mean "ratio"?'),
        ("{student.model: [resnet.py, nit.py]}", "student.model", 'there is no model file "nit.py"'),
        ("{stages.prune.steps: [1, 4]}", "stages.prune.steps", "4 steps cannot recover in 3 epochs"),
    ],
)
def test_an_end_that_the_recipe_refuses_is_told_at_the_line_of_the_search(
    tiny: Any, space: str, place: str, said: str
) -> None:
    line = len(tiny.text.splitlines()) + 2
    with pytest.raises(RecipeError) as caught:
        load(written(tiny, space))
    ((where, complaint),) = caught.value.faults
    assert where.endswith(f"tiny.yaml:{line}, {place}") and said in complaint


def test_students_are_chosen_whole_and_each_is_held_against_the_recipe(tiny: Any) -> None:
    resnet, other = "{model: resnet.py, args: {depth: 8}}", "{model: mobilenet.py}"
    loaded = load(written(tiny, f"{{student: [{resnet}, {other}]}}")).recipe
    assert loaded.search and loaded.search.space["student"] == [
        {"model": "resnet.py", "args": {"depth": 8}}, {"model": "mobilenet.py"}
    ]  # fmt: skip
    ((_, said),) = faults(tiny, f"{{student: [{resnet}, {{model: mobilnet.py}}]}}")
    assert said.endswith('did you mean "mobilenet.py"?')
    twice = f"{{student: [{resnet}, {other}], student.args.width: [4, 8]}}"
    ((_, said),) = faults(tiny, twice)
    assert said == '"student.args.width" and "student" both say what the student is'


def test_faults_of_short_and_of_rungs_are_told(tiny: Any) -> None:
    assert faults(tiny, rest="  short: {stages.distill.epoch: 2}\n") == [
        ("stages.distill.epoch", 'unknown key; did you mean "epochs"?')
    ]
    assert faults(tiny, rest="  rungs: [2, 1]\n") == [("search.rungs", "[2, 1] does not rise")]
    late = "2 comes no earlier than the end: stages.distill has 2 epochs"
    assert faults(tiny, rest="  short: {stages.distill.epochs: 2}\n  rungs: [1, 2]\n") == [("search.rungs", late)]


def test_an_override_leaves_a_stage_out_or_lets_it_stand(tiny: Any) -> None:
    stages = load(tiny.write(), ["stages.prune=false", "stages.quantize=true"]).recipe.stages
    assert list(stages) == ["distill", "quantize"]
    with pytest.raises(RecipeError, match='there is no stage "pruning"'):
        load(tiny.write(), ["stages.pruning=false"])


def test_what_is_searched_of_a_stage_that_an_override_leaves_out_goes_with_it(tiny: Any) -> None:
    space = "{stages.prune: [true, false], stages.prune.ratio: [0.2, 0.3], student.args.width: [4, 8]}"
    path = written(tiny, space, "  short: {stages.prune.epochs: 1}\n")
    found = load(path, ["stages.prune=false"]).recipe
    assert found.search and list(found.search.space) == ["student.args.width"] and not found.search.short
    assert found.quick == {"stages.distill.epochs": 1}
