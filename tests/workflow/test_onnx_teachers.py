"""An ONNX file teaches: as the reference of a run, or beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgekit.errors import EdgekitError
from edgekit.recipe.loading import load
from edgekit.workflow import keys, preparing, rehearsal
from edgekit.workflow.running import plan

# Brightness of the three pairs of rows, which is what tells the classes of the tiny recipe apart.
ROWS = """<ir_version: 8, opset_import: ["": 17]>
agraph (INPUT pixels) => (float[N,3] probabilities)
<int64[4] form = {0, 3, 2, 6}>
{ f = Cast<to=1>(pixels) r = Reshape(f, form) s = ReduceMean<axes=[2,3], keepdims=0>(r)
  probabilities = Softmax<axis=-1>(s) }"""
APPS, NETWORKS = "uint8[N,6,6,1]", "float[N,1,6,6]"


@pytest.fixture
def teacher(tiny: Path):
    """Write a teacher that takes `form` beside the tiny recipe, and take the recipe's own out."""

    def write(form: str) -> Path:
        model = onnx.parser.parse_model(ROWS.replace("INPUT", form))
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, tiny.parent / "rows.onnx")
        return tiny

    return write


REFERENCE = "{model: net.py, args: {width: 16}, train: {epochs: 2, batch: 32, learning_rate: 0.05}}"


def replaced(recipe: Path, said: str) -> Path:
    text = recipe.read_text()
    assert REFERENCE in text
    recipe.write_text(text.replace(REFERENCE, said))
    return recipe


def test_a_run_with_an_onnx_file_as_its_reference(teacher, edgekit) -> None:
    replaced(teacher(APPS), "{onnx: rows.onnx}")
    short = ("stages.distill.epochs=1", "student.baseline=false", "--until", "distill", "--json")
    assert edgekit(*short) == 0
    run = json.loads(edgekit.out.splitlines()[-1])
    first, second = (stage["verdict"] for stage in run["stages"])
    assert (first["decision"], first["parity"], first["test"]["value"]) == ("reference", None, 1.0)
    assert second["speedup_over_teacher"]
    assert edgekit(*short) == 0
    assert json.loads(edgekit.out.splitlines()[-1])["stages"] == run["stages"]
    assert edgekit(verb="train") == 1
    assert "there is nothing to train" in edgekit.error


def test_a_reference_must_take_what_an_app_passes(teacher) -> None:
    job = preparing.prepare(load(replaced(teacher(NETWORKS), "{onnx: rows.onnx}")))
    with pytest.raises(
        EdgekitError, match=r'"rows.onnx" takes pixels: float32\[N,1,6,6\], and .* uint8\[N,6,6,1\]'
    ) as it:
        rehearsal.rehearse(job)
    assert "also" in (it.value.hint or "")


@pytest.mark.parametrize("form", [APPS, NETWORKS], ids=["an app's input", "a network's input"])
def test_an_onnx_file_may_teach_beside_the_reference_in_either_form(teacher, form: str) -> None:
    job = preparing.prepare(load(teacher(form), ["teacher.also=[{onnx: rows.onnx}]"]))
    rehearsal.rehearse(job)
    batch = next(job.source(job.teacher.train, 0).epoch(0))
    (other,) = job.also
    logits = other.trained()(batch.inputs)
    assert np.isfinite(logits.numpy()).all()
    assert (logits.argmax(1) == batch.targets).float().mean() > (0.6 if form == APPS else 0.3)


def test_who_teaches_beside_the_reference_is_part_of_what_a_student_is(teacher) -> None:
    def made(step: str, *overrides: str) -> str:
        job = preparing.prepare(load(recipe, overrides))
        steps = {each.name: each for each in plan(job)}
        return keys.candidate(job, steps[step], job.student, "t", None, None)

    recipe, also = teacher(APPS), "teacher.also=[{onnx: rows.onnx}]"
    assert made("distill") != made("distill", also)
    assert made("student") == made("student", also)
    before = made("distill", also)
    teacher(NETWORKS)
    assert made("distill", also) != before
