"""A key changes with everything that a candidate or a verdict depends on, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from edgekit.recipe.loading import load
from edgekit.stages.job import Job, Step
from edgekit.workflow import keys, preparing
from edgekit.workflow.running import plan


def prepared(recipe: Path, *overrides: str) -> tuple[Job, dict[str, Step]]:
    job = preparing.prepare(load(recipe, overrides))
    return job, {step.name: step for step in plan(job)}


def key(recipe: Path, step: str, *overrides: str, teacher: str = "t", incumbent: str = "i") -> str:
    job, steps = prepared(recipe, *overrides)
    origin = job.teacher if steps[step].origin == "teacher" else job.student
    assert origin
    return keys.candidate(job, steps[step], origin, teacher, incumbent, None)


@pytest.mark.parametrize(
    ("step", "override"),
    [
        ("teacher", "teacher.train.epochs=3"),
        ("teacher", "teacher.args.width=8"),
        ("teacher", "data.augment.shift=2"),
        ("teacher", "data.seed=1"),
        ("teacher", "seed=1"),
        ("teacher", "teacher.train.patience=2"),
        ("teacher", "teacher.train.l1=0.001"),
        ("teacher", "data.class_weights=balanced"),
        ("distill", "stages.distill.losses.soft-target.temperature=2"),
        ("distill", "student.args.width=4"),
        ("prune", "stages.prune.ratio=0.25"),
        ("quantize", "stages.quantize.per_channel=false"),
    ],
)
def test_what_decides_a_candidate_changes_its_key(tiny: Path, step: str, override: str) -> None:
    assert key(tiny, step) != key(tiny, step, override)


@pytest.mark.parametrize(("step", "who"), [("teacher", "teacher"), ("distill", "student")])
def test_the_weights_that_a_training_starts_from_change_its_key(tiny: Path, step: str, who: str) -> None:
    found = {key(tiny, step)}
    for value in (0.0, 1.0):
        save_file({"head.bias": torch.full((3,), value)}, tiny.parent / "start.safetensors")
        found.add(key(tiny, step, f"{who}.start={{file: start.safetensors}}"))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("step", "override"),
    [
        ("teacher", "student.args.width=4"),
        ("teacher", "measure.threads=2"),
        ("teacher", "stages.distill.epochs=9"),
        ("student", "teacher.train.epochs=9"),
        ("distill", "budget.max_drop_points=2"),
        ("distill", "stages.prune.ratio=0.25"),
        ("quantize", "targets.accuracy=0.5"),
    ],
)
def test_what_does_not_decide_it_leaves_its_key_alone(tiny: Path, step: str, override: str) -> None:
    assert key(tiny, step) == key(tiny, step, override)


@pytest.mark.parametrize("override", ["measure.batch=2", "budget.max_drop_points=2"])
def test_what_is_chosen_by_time_depends_on_how_it_is_timed_and_on_the_budget(tiny: Path, override: str) -> None:
    for step, by_time in (
        ("quantize", "stages.quantize={method: auto}"),
        ("prune", "stages.prune={target_speedup: 2}"),
    ):
        assert key(tiny, step, by_time) != key(tiny, step, by_time, override)
        assert key(tiny, step) == key(tiny, step, override)


def test_a_student_depends_on_its_teacher_and_a_pruned_one_on_what_it_was_pruned_from(tiny: Path) -> None:
    assert key(tiny, "student") == key(tiny, "student", teacher="another")
    assert key(tiny, "distill") != key(tiny, "distill", teacher="another")
    assert key(tiny, "distill") == key(tiny, "distill", incumbent="another")
    assert key(tiny, "prune") != key(tiny, "prune", incumbent="another")


def test_the_code_of_the_model_file_belongs_to_the_key(tiny: Path) -> None:
    before = key(tiny, "distill")
    model = tiny.parent / "net.py"
    model.write_text(model.read_text() + "\n# changed\n")
    assert key(tiny, "distill") != before
