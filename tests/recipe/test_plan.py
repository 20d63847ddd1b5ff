from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgekit import extras
from edgekit.data.opening import NAMED
from edgekit.recipe.data import SOURCES
from edgekit.recipe.loading import load, resolved
from edgekit.recipe.plan import estimate, needs, steps
from edgekit.recipe.schema import Recipe


def record(runs: Path, made_of: Recipe, name: str, **changes: Any) -> Path:
    seconds = {"teacher": 10.0, "student": 8.0, "distill": 20.0, "prune": 6.0, "quantize": 1.0}
    run = {
        "id": name,
        "status": "finished",
        "finished": f"2026-01-0{name}T00:00:00+00:00",
        "recipe": resolved(made_of),
        "stages": [{"id": stage, "seconds": took} for stage, took in seconds.items()],
    }
    path = runs / name / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(run | changes), encoding="utf-8")
    return path


def test_the_steps_are_the_teacher_the_student_and_the_stages(tiny: Any) -> None:
    recipe = load(tiny.write()).recipe
    told = [(step.id, step.kind, step.epochs) for step in steps(recipe)]
    assert told == [
        ("teacher", "teacher", 2),
        ("student", "student", 4),  # as it is distilled
        ("distill", "distill", 4),
        ("prune", "prune", 3),
        ("quantize", "quantize", None),
    ]
    assert steps(recipe)[0].what == "resnet.py depth=8"
    assert steps(recipe)[3].what.startswith("50% of the channels")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ratio: 0.25", "25% of the channels removed, then recovered"),
        ("target_speedup: 2.0", "channels removed until 2 times as fast, then recovered"),
        ("{target_p50_ms: 0.25, steps: 3}", "channels removed until 0.25 ms in 3 steps, each then recovered"),
    ],
    ids=["ratio", "speedup", "milliseconds"],
)
def test_what_is_pruned_is_told_as_it_is_asked(tiny: Any, said: str, told: str) -> None:
    mapping = said if said.startswith("{") else f"{{{said}}}"
    recipe = load(tiny.write(), [f"stages.prune={mapping}"]).recipe
    assert steps(recipe)[3].what == told


def test_the_student_alone_may_be_left_out_or_have_its_own_training(tiny: Any) -> None:
    path = tiny.write()
    assert "student" not in [step.id for step in steps(load(path, ["student.baseline=false"]).recipe)]
    assert steps(load(path, ["student.train.epochs=9"]).recipe)[1].epochs == 9


@pytest.mark.parametrize(
    ("method", "epochs", "told"),
    [
        ("static", None, "static, calibrated on 512 training examples"),
        ("auto", None, "auto, calibrated on 512 training examples; outside the budget, 5 epochs in 8 bits"),
        ("training", 5, "trained in 8 bits"),
    ],
)
def test_training_in_8_bits_is_told_and_needs_a_package(tiny: Any, method: str, epochs: int | None, told: str) -> None:
    recipe = load(tiny.write(), [f"stages.quantize={{method: {method}}}"]).recipe
    step = steps(recipe)[-1]
    assert (step.epochs, step.what) == (epochs, told)
    assert ("torchao" in needs(recipe)) == (method != "static")


def test_what_is_needed_follows_from_the_stages_and_the_data(tiny: Any) -> None:
    whole = needs(load(tiny.write()).recipe)
    assert {"torch", "onnxruntime", "torch_pruning", "sklearn"} <= set(whole)
    text = tiny.text.replace("digits", "fashion-mnist").replace("  prune:\n    ratio: 0.5\n    epochs: 3\n", "")
    less = needs(load(tiny.write(text.replace(", stages.prune.epochs: 1", ""))).recipe)
    assert not {"torch_pruning", "sklearn"} & set(less)
    assert set(whole) <= set(extras.EXTRA_OF)


def test_without_a_run_or_an_expectation_there_is_no_estimate(tiny: Any, tmp_path: Path) -> None:
    assert estimate(load(tiny.write()).recipe, tmp_path / "runs") is None


def test_an_expectation_says_where_it_was_measured(tiny: Any, tmp_path: Path) -> None:
    text = tiny.text + "expect: {seconds: 50, megabytes: 3, machine: 2 cores}\n"
    recipe = load(tiny.write(text)).recipe
    assert estimate(recipe, tmp_path / "runs") == (50, 3e6, "measured on 2 cores")
    changed = estimate(recipe, tmp_path / "runs", changed=True)
    assert changed and changed.basis.endswith("without your changes")


def test_the_latest_finished_run_is_scaled_by_the_epochs(tiny: Any, tmp_path: Path) -> None:
    path, runs = tiny.write(), tmp_path / "runs"
    recipe = load(path).recipe
    record(runs, recipe, "1", stages=[{"id": step.id, "seconds": 100} for step in steps(recipe)])
    latest = record(runs, recipe, "2")
    record(runs, recipe, "3", status="running")
    found = estimate(recipe, runs)
    assert found == (45.0, latest.stat().st_size, "as run 2 took in this folder, in proportion to the epochs")
    # Half the epochs of the teacher, and twice those of distill and of the student that follows it.
    other = estimate(load(path, ["teacher.train.epochs=1", "stages.distill.epochs=8"]).recipe, runs)
    assert other and other.seconds == 5 + 16 + 40 + 6 + 1


FOREIGN = {
    "no object": "[]",
    "cut short": '{"id": "9"',
    "of other stages": {"stages": []},
    "of another schema": {"recipe": {"name": "tiny"}},
    "with odd stages": {"stages": [3]},
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_a_record_that_does_not_serve_is_passed_over(tiny: Any, tmp_path: Path, foreign: Any) -> None:
    recipe, runs = load(tiny.write()).recipe, tmp_path / "runs"
    record(runs, recipe, "1")
    if isinstance(foreign, dict):
        record(runs, recipe, "2", **foreign)
    else:
        record(runs, recipe, "2").write_text(foreign, encoding="utf-8")
    found = estimate(recipe, runs)
    assert found and found.basis.startswith("as run 1 ")


def test_the_sources_a_recipe_may_name_are_those_that_data_reads() -> None:
    assert set(SOURCES) == set(NAMED)
