"""From a recipe to a job, and what is refused on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import DataError, ModelError
from edgekit.recipe.loading import load
from edgekit.recipe.networks import Train
from edgekit.workflow import preparing


def test_a_job_holds_what_the_recipe_says(tiny: Path) -> None:
    job = preparing.prepare(load(tiny, ["data.normalize={mean: [0.3], std: [0.4]}", "data.labels=[a, b, c]"]))
    assert (job.name, job.task, job.metric) == ("tiny", "image-classification", "accuracy")
    assert job.data["train"] + job.data["validation"] + job.data["test"] == 240
    assert job.deployment.labels == ("a", "b", "c")
    assert (job.deployment.mean, job.deployment.std) == ((0.3,), (0.4,))
    batch = next(job.source(Train(batch=16), 0).epoch(0))
    assert batch.inputs.shape == (16, 1, 6, 6)
    assert list(job.stages) == ["distill", "prune", "quantize"]


def test_the_same_data_seed_gives_every_training_seed_the_same_splits(tiny: Path) -> None:
    first, second = (preparing.prepare(load(tiny, [f"seed={seed}"])) for seed in (0, 1))
    assert first.data["fingerprint"] == second.data["fingerprint"]
    one, other = (next(job.source(Train(batch=16), 0).epoch(0)) for job in (first, second))
    assert not np.array_equal(one.index, other.index)


@pytest.mark.parametrize(
    "line",
    ["image: uint8[N,8,8,1]", "image: uint8[N,6,6,3]"],
    ids=["another size", "another number of channels"],
)
def test_examples_of_another_form_than_the_export_are_refused(tiny: Path, line: str) -> None:
    tiny.write_text(tiny.read_text().replace("image: uint8[N,6,6,1]", line))
    with pytest.raises(DataError, match=r'says "image: .*"; the examples of "shapes.npz" are uint8\[\d+,6,6,1\]'):
        preparing.prepare(load(tiny))


def test_a_student_that_cannot_be_built_is_found_before_the_teacher_is_trained(tiny: Path) -> None:
    with pytest.raises(ModelError, match="widht"):
        preparing.prepare(load(tiny, ["student.args={widht: 4}"]))


def test_a_run_folder_is_named_by_all_that_makes_the_run(tiny: Path, tmp_path: Path) -> None:
    def folder(*overrides: str) -> Path:
        return preparing.run_folder(preparing.prepare(load(tiny, overrides)), tmp_path)

    assert folder() == folder()
    assert folder().parent == tmp_path / "tiny"
    assert folder() != folder("seed=1")
    before = folder()
    (tiny.parent / "net.py").write_text((tiny.parent / "net.py").read_text() + "\n")
    assert folder() != before


def test_training_the_teacher_alone_makes_its_weights_anew(tiny: Path) -> None:
    job = preparing.teacher_only(preparing.prepare(load(tiny)))
    assert job.student is None
    assert job.stages == {}
    assert job.teacher
    assert job.teacher.weights is None
