from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from edgekit.recipe.loading import load

FAULTS = {
    "an unknown task": ("image-classification", "image-clasification", "task", 'did you mean "image-classification"?'),
    "an unknown output": (
        "export: {", "export: {output: logit, ", "export.output", 'no output "logit"; did you mean "logits"?'
    ),
    "no tensor": ("uint8[N,8,8,1]", "uint8(8)", "export.input", "is not a tensor"),
    "no batch": ("uint8[N,8,8,1]", "uint8[8,8,1]", "export.input", "has no batch"),
    "not the task's input": ("uint8[N,8,8,1]", "float32[N,64]", "export.input", "is not what image-class"),
    "normalize of another length": (
        "mean: [0.3]", "mean: [0.3, 0.3]", "data.normalize.mean", "has 2; export.input has 1 in its last dimension"
    ),
    "labels alike": ('["0", "1"]', '["0", "0"]', "data.labels[1]", '"0" is a label twice'),
    "mixed more often than always": (
        "source: digits", "source: digits\n  augment: {mixup: 0.7, cutmix: 0.5}", "data.augment.cutmix", "than always"
    ),
    "groups of a split that is drawn by seed": (
        "source: digits", "source: digits\n  split: {test: [ann]}", "data.split.test", "is not drawn by group"
    ),
    "groups of a split that is named": (
        "source: digits", "source: digits\n  test: digits\n  split: {by: group, test: [ann]}", "data.split.test",
        "data.test says where",
    ),
    "an unknown source": ("source: digits", "source: digit", "data.source", 'did you mean "digits"?'),
    "no data there": ("source: digits", "source: ./x.npz", "data.source", 'no data source "./x.npz"'),
    "no model file": ("  model: resnet.py", "  model: resent.py", "teacher.model", 'did you mean "resnet.py"?'),
    "no weights file": (
        "  args: {depth: 8}", "  weights: {file: w.safetensors}", "teacher.weights.file", 'no weights file "w.'
    ),
    "a hash that is none": (
        "  args: {depth: 8}", "  weights: {file: w, sha256: abc}", "teacher.weights.sha256", '"abc" does not fit'
    ),
    "an untrained teacher": ("{epochs: 2,", "{epochs: 0,", "teacher.train.epochs", "leaves the teacher untrained"),
    "an unknown kind": ("  prune:", "  prun:", "stages.prun", 'no kind of stage "prun"; did you mean "prune"?'),
    "a kind that is no word": ("ratio: 0.5", "kind: 3", "stages.prune", "no kind of stage 3; one of distill"),
    "a kind that is a list": ("ratio: 0.5", "kind: [3]", "stages.prune", "no kind of stage [3]; one of distill"),
    "a reserved id": ("  prune:", "  teacher:\n    kind: prune", "stages.teacher", "cannot be a stage's id"),
    "an id that is no folder": ("  prune:", "  ../x:\n    kind: prune", "stages.../x", "cannot be a stage's id"),
    "training after quantize": (
        "  quantize:", "  quantize:\n  again: {kind: prune}", "stages.again", "prune cannot follow quantize"
    ),
    "the wrong order": ("  quantize:", "  again: {kind: distill}", "stages.again", "distill cannot follow prune"),
    "a ratio and a target": (
        "ratio: 0.5", "ratio: 0.5\n    target_speedup: 2", "stages.prune.target_speedup", "both say how much is removed"
    ),
    "two targets": (
        "ratio: 0.5", "target_speedup: 2\n    target_p50_ms: 1", "stages.prune.target_p50_ms", "and target_p50_ms"
    ),
    "more steps than epochs": (
        "ratio: 0.5", "ratio: 0.5\n    steps: 4", "stages.prune.steps", "4 steps cannot recover in 3 epochs"
    ),
    "more steps than epochs by default": (
        "    epochs: 3", "    steps: 6", "stages.prune.steps", "6 steps cannot recover in 5 epochs"
    ),
    "training for what trains nothing": (
        "  quantize:", "  quantize:\n    train: {epochs: 1}", "stages.quantize.train", "static trains nothing"
    ),
    "layers of a captured network": (
        "  quantize:", "  quantize:\n    method: auto\n    train: {losses: {relational: {weight: 1}}}",
        "stages.quantize.train.losses.relational", "relational compares layers",
    ),
    "an average of ranges": (
        "  quantize:", "  quantize:\n    method: training\n    train: {average: 0.99}",
        "stages.quantize.train.average", "0.99",
    ),
    "nothing to learn from": (
        "distill: {epochs: 4}",
        "distill: {losses: {soft-target: {weight: 0}, hard-label: {weight: 0}}}",
        "stages.distill.losses",
        "there is nothing to learn from",
    ),
    "a loss that ever has a weight, but no layers": (
        "distill: {epochs: 4}",
        "distill: {losses: {attention: {weight: 1}}}",
        "stages.distill.losses.attention.layers",
        "is missing",
    ),
    "a layer that is no text": (
        "distill: {epochs: 4}",
        "distill: {losses: {hint: {layers: {blocks.2: 5}}}}",
        "stages.distill.losses.hint.layers.blocks.2",
        '5 is not text; write it in quotes, as "5"',
    ),
    "a vector for attention": (
        "distill: {epochs: 4}",
        "distill: {losses: {attention: {layers: {pooled: pooled}}}}",
        "stages.distill.losses.attention.layers.pooled",
        "attention compares maps",
    ),
    "a weight that is none": (
        "distill: {epochs: 4}",
        "distill: {losses: {dkd: {weight: 1, final_weight: -1}}}",
        "stages.distill.losses.dkd.final_weight",
        "-1 is not at least 0",
    ),
    "an unknown setting of a loss": (
        "distill: {epochs: 4}",
        "distill: {losses: {dist: {gama: 1}}}",
        "stages.distill.losses.dist.gama",
        'did you mean "gamma"?',
    ),
    "two kinds of teacher": ("  args: {depth: 8}", "  onnx: t.onnx", "teacher", "both a model and an onnx file"),
    "no kind of teacher": ("  model: resnet.py\n", "", "teacher", "neither a model nor an onnx file"),
    "no onnx file": (
        "  args: {depth: 8}", "  also: [{onnx: t.onnx}]", "teacher.also[0].onnx", 'there is no ONNX file "t.onnx"'
    ),
    "an onnx file that is built": (
        "  args: {depth: 8}", "  also: [{onnx: t.onnx, args: {}}]", "teacher.also[0].args", "nothing is built"
    ),
    "a further teacher that is not trained": (
        "  args: {depth: 8}", "  also: [{model: resnet.py}]", "teacher.also[0]", "is not trained here"
    ),
    "weights to start from that are not there": (
        "  args: {depth: 8}", "  start: {file: w.safetensors}", "teacher.start.file", 'no weights file "w.safetensors"'
    ),
    "a student's start that is not there": (
        "width: 8}}", "width: 8}, start: {file: w.safetensors}}", "student.start.file", 'no weights file'
    ),
    "a start of what is trained already": (
        "  args: {depth: 8}",
        '  weights: {file: "data:w.safetensors"}\n  start: {file: "data:w.safetensors"}',
        "teacher.start",
        "what has weights is trained already",
    ),
    "an unknown loss": (
        "distill: {epochs: 4}",
        "distill: {losses: {soft-targets: {weight: 1}}}",
        "stages.distill.losses.soft-targets",
        'did you mean "soft-target"?',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "complaint"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_place(tiny: Any, old: str, new: str, place: str, complaint: str) -> None:
    text = tiny.text.replace(old, new, 1)
    assert text != tiny.text
    error = tiny.refusal(tiny.write(text))
    found = [said for where, said in error.faults if where.endswith(f", {place}")]
    assert any(complaint in said for said in found), error.faults
    assert all(where.startswith(str(tiny.folder / "tiny.yaml")) for where, _ in error.faults)


def test_losses_that_weigh_a_teacher_need_one(tiny: Any) -> None:
    text = re.sub(r"(?s)teacher:.*?(?=student:)", "", tiny.text).replace("  distill: {epochs: 4}\n", "")
    load(tiny.write(text.replace("quick: {stages.distill.epochs: 1, ", "quick: {")))
    text = text.replace("quick: {stages.distill.epochs: 1, ", "quick: {").replace("    epochs: 3", "    losses: {}")
    place, said = tiny.refusal(tiny.write(text)).faults[0]
    assert place.endswith("stages.prune.losses")
    assert said == "losses weigh a teacher against the labels, and the recipe has no teacher"


def test_a_loss_that_gains_a_weight_later_is_something_to_learn_from(tiny: Any) -> None:
    losses = "{soft-target: {weight: 0, final_weight: 1}, hard-label: {weight: 0}}"
    recipe = load(tiny.write(), [f"stages.distill.losses={losses}"]).recipe
    assert list(recipe.stages["distill"].losses.counting()) == ["soft-target"]  # type: ignore[union-attr]


def test_distill_needs_a_teacher(tiny: Any) -> None:
    text = re.sub(r"(?s)teacher:.*?(?=student:)", "", tiny.text)
    assert tiny.refusal(tiny.write(text)).faults[0][1] == "distill needs a teacher, and the recipe has none"


STAGES = "stages:\n  distill: {epochs: 4}\n  prune:\n    ratio: 0.5\n    epochs: 3\n  quantize:\n"
QUICK = "quick: {stages.distill.epochs: 1, stages.prune.epochs: 1}\n"


@pytest.mark.parametrize("stages", ["", "stages: {}\n"])
def test_without_stages_the_student_alone_is_the_model_and_must_be_trained(tiny: Any, stages: str) -> None:
    text = tiny.text.replace(STAGES, stages).replace(QUICK, "")
    assert load(tiny.write(text)).recipe.stages == {}
    untrained = text.replace("student: {", "student: {baseline: false, ")
    assert "no stage teaches the student" in str(tiny.refusal(tiny.write(untrained)))
    assert load(tiny.write(tiny.text.replace("student: {", "student: {baseline: false, "))).recipe.stages


def test_weights_are_held_against_their_hash(tmp_path: Path, tiny: Any) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    text = tiny.text.replace(
        "  train: {epochs: 2", f"  weights: {{file: w.safetensors, sha256: {'a' * 64}}}\n  train: {{epochs: 2"
    )
    place, said = tiny.refusal(tiny.write(text)).faults[0]
    assert place.endswith("teacher.weights.sha256")
    said_hash = re.search("[0-9a-f]{64}", said)
    assert said_hash
    recipe = load(tiny.write(text.replace("a" * 64, said_hash[0]))).recipe
    assert recipe.teacher and recipe.teacher.weights


EMBEDDING = ("task: image-classification", "task: embedding")


@pytest.mark.parametrize(
    ("old", "new", "place", "complaint"),
    [
        ("  args: {depth: 8}\n", "  args: {depth: 8}\n", "teacher", "no labels that the teacher could be trained by"),
        (
            "teacher:\n  model: resnet.py\n  args: {depth: 8}\n  train: {epochs: 2, learning_rate: 1e-2}\n",
            "", "task", "embedding learns from a teacher",
        ),
    ],
    ids=["to train", "none"],
)  # fmt: skip
def test_an_embedding_needs_a_teacher_that_is_trained(
    tiny: Any, old: str, new: str, place: str, complaint: str
) -> None:
    error = tiny.refusal(tiny.write(tiny.text.replace(*EMBEDDING).replace(old, new)))
    assert any(complaint in said for where, said in error.faults if where.endswith(f", {place}")), error.faults


@pytest.mark.parametrize(
    "said", ['weights: {file: "data:w.safetensors"}', 'start: {file: "data:w.safetensors"}\n  train: {epochs: 0}']
)
def test_data_that_is_not_fetched_yet_is_no_fault_and_an_embedding_has_no_student_alone(tiny: Any, said: str) -> None:
    text = tiny.text.replace(*EMBEDDING).replace("  train: {epochs: 2, learning_rate: 1e-2}", f"  {said}")
    recipe = load(tiny.write(text)).recipe
    assert not recipe.baseline and recipe.output == "vector"
    assert recipe.teacher and recipe.teacher.files == ["resnet.py"]


@pytest.mark.parametrize(
    ("task", "line", "fault"),
    [
        ("text-classification", "ids: int64[N,T]", None),
        ("text-classification", "ids: int64[N]", 'write it as "ids: int64[N,T]"'),
        ("sequence-classification", "window: float32[N,100,6]", None),
        ("regression", "x: float32[N,4]", None),
        ("regression", "image: uint8[N,8,8,1]", None),
        ("regression", "x: float64[N,4]", 'write it as "image: uint8[N,28,28,1]" or "features: float32[N,16]"'),
        ("next-token", "ids: int64[N,1]", None),
    ],
)
def test_what_a_model_takes_fits_its_task(tiny: Any, task: str, line: str, fault: str | None) -> None:
    text = tiny.text.replace("task: image-classification", f"task: {task}").replace("image: uint8[N,8,8,1]", line)
    text = text.replace("  normalize: {mean: [0.3], std: [0.4]}\n", "")
    if fault is None:
        load(tiny.write(text))
    else:
        assert fault in str(tiny.refusal(tiny.write(text)).hint)


def test_losses_of_classes_are_for_classes(tiny: Any) -> None:
    text = tiny.text.replace("distill: {epochs: 4}", "distill: {losses: {dkd: {weight: 1}}}")
    load(tiny.write(text))
    error = tiny.refusal(tiny.write(text.replace("task: image-classification", "task: regression")))
    assert "dkd compares the probabilities of classes, and the task has none" in str(error)
