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
        "attention compares feature maps",
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
