"""Every kind of task through the one workflow, on small data that is made up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from edgekit import tasks
from edgekit.errors import ModelError, RecipeError
from edgekit.recipe.loading import load
from edgekit.recipe.networks import Train
from edgekit.runtime.bundle import load as opened
from edgekit.stages.job import Job
from edgekit.workflow import preparing, rehearsal, running

NET = """
import torch
from torch import nn


class Bag(nn.Module):
    def __init__(self, tokens, width, outputs):
        super().__init__()
        self.words = nn.Embedding(tokens, width)
        self.out = nn.Linear(width, outputs)

    def forward(self, ids):
        kept = (ids != 0).unsqueeze(2).float()
        return self.out((self.words(ids) * kept).sum(1) / kept.sum(1).clamp_min(1))


class Recurrent(nn.Module):
    def __init__(self, tokens, width):
        super().__init__()
        self.words, self.cell = nn.Embedding(tokens, width), nn.GRUCell(width, width)
        self.out = nn.Linear(width, tokens)
        self.states = {"h": (width,)}

    def forward(self, ids, h=None):
        state, answers = ids.new_zeros(len(ids), self.cell.hidden_size, dtype=torch.float32) if h is None else h, []
        for place in range(ids.shape[1]):
            state = self.cell(self.words(ids[:, place]), state)
            answers.append(self.out(state))
        logits = torch.stack(answers, 1)
        return logits if h is None else (logits, state)


def build(inputs=4, outputs=3, width=8, tokens=0, recurrent=False):
    if recurrent:
        return Recurrent(tokens, width)
    if tokens:
        return Bag(tokens, width, outputs)
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))
"""
LEARN = "epochs: 6, batch: 16, optimizer: adamw, learning_rate: 0.02"
RECIPE = """
name: kind
task: {task}
data: {{source: {source}{data}}}
teacher: {{model: net.py, args: {{width: 16, {args}}}, {teacher}}}
student: {{model: net.py, args: {{width: 8, {args}}}}}
export: {{input: "{given}"}}
measure: {{seconds: 0.05}}
student_budget: null
stages: {{distill: {{{learn}}}}}
"""
TRAINED = f"train: {{{LEARN}}}"
KINDS = {
    "regression": ("numbers.npz", ", normalize: auto", "outputs: 1", TRAINED, "x: float32[N,4]"),
    "multi-label": ("labels.npz", ", labels: [up, down, odd]", "outputs: 3", TRAINED, "x: float32[N,4]"),
    "classification": ("classes.npz", ", class_weights: balanced", "outputs: 3", TRAINED, "x: float32[N,4]"),
    "embedding": (
        "vectors.npz", "", "outputs: 5, tokens: 30", "weights: {file: bag.safetensors}", "ids: int64[N,9]"
    ),
    "next-token": (
        "fox.txt", ", window: {length: 12}", "tokens: 29, recurrent: true", TRAINED, "ids: int64[N,1]"
    ),
}  # fmt: skip


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Path]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 4)).astype(np.float32)
    ids = np.where(np.arange(9) < draw.integers(3, 10, (200, 1)), draw.integers(1, 30, (200, 9)), 0)
    targets = {
        "numbers": (x, (x @ np.array([1, 2, -1, 0.5]) + 3).astype(np.float32)),
        "labels": (x, np.stack([x[:, 0] > 0, x[:, 0] < 0.5, x[:, 1] > 1], 1).astype(np.float32)),
        "classes": (x, np.digitize(x[:, 0], [-1, 1])),
        "vectors": (ids, np.zeros((200, 0), np.float32)),
    }
    for name, (inputs, wanted) in targets.items():
        np.savez(tmp_path / f"{name}.npz", x=inputs, y=wanted)
    (tmp_path / "fox.txt").write_text("the quick brown fox jumps over the lazy dog. " * 100)
    (tmp_path / "net.py").write_text(NET)
    torch.manual_seed(1)
    words = nn.Embedding(30, 16)
    bag = {"words.weight": words.weight.detach(), "out.weight": torch.randn(5, 16), "out.bias": torch.zeros(5)}
    save_file(bag, tmp_path / "bag.safetensors")

    def write(task: str, **other: str) -> Path:
        source, data, args, teacher, given = KINDS[task]
        said = {"source": source, "data": data, "args": args, "teacher": teacher, "given": given, "learn": LEARN}
        path = tmp_path / "kind.yaml"
        path.write_text(RECIPE.replace("student_budget: null\n", "").format(task=task, **said | other))
        return path

    return write


def prepared(path: Path) -> Job:
    return preparing.prepare(load(path))


@pytest.mark.parametrize("task", KINDS)
def test_a_job_knows_its_tasks_metric_losses_and_what_answers_look_like(recipe: Callable[..., Path], task: str) -> None:
    job, spec = prepared(recipe(task)), tasks.get(task)
    assert (job.metric, job.sign, job.unit, job.deployment.output) == (spec.metric, spec.sign, spec.unit, spec.heads[0])
    assert job.baseline == (task != "embedding")
    answers = rehearsal.rehearse(job)
    assert answers["student"].ndim == (3 if task == "next-token" else 2)
    assert job.validate is not None and job.student is not None
    torch.manual_seed(0)
    score = job.validate(job.student.make())
    assert np.isfinite(score)
    if task == "embedding":
        assert job.teacher and job.validate(job.teacher.trained()) == pytest.approx(1)


def test_class_weights_make_rare_classes_count_as_much(recipe: Callable[..., Path]) -> None:
    job = prepared(recipe("classification"))
    batch = next(iter(job.source(Train(batch=160), 0).epoch(0)))
    outputs = torch.randn(len(batch.targets), 3, generator=torch.Generator().manual_seed(0))
    each = nn.functional.cross_entropy(outputs, batch.targets, reduction="none")
    everything = np.load(recipe("classification").parent / "classes.npz")["y"]
    counts = torch.tensor(np.bincount(everything))  # the splits are even over the classes
    own = torch.stack([each[batch.targets == label].mean() for label in range(3)])
    share = torch.stack([(batch.targets == label).sum() / counts[label] for label in range(3)])
    loss = job.losses.hard(outputs, batch, 0.0)
    assert loss.item() == pytest.approx((own * share).sum().item() / share.sum().item(), rel=0.02)
    assert loss.item() != pytest.approx(each.mean().item(), rel=0.02)


def test_class_weights_need_classes(recipe: Callable[..., Path]) -> None:
    with pytest.raises(RecipeError, match="regression has no classes to weigh"):
        prepared(recipe("regression", data=", class_weights: balanced"))


def test_a_network_of_other_outputs_than_the_targets_is_refused(recipe: Callable[..., Path]) -> None:
    with pytest.raises(ModelError, match="answers 2 numbers, and the data has 1"):
        rehearsal.rehearse(prepared(recipe("regression", args="outputs: 2")))
    with pytest.raises(ModelError, match="answers 40 tokens, and the data has 29"):
        rehearsal.rehearse(prepared(recipe("next-token", args="tokens: 40, recurrent: true")))
    with pytest.raises(ModelError, match="answers 2 labels, and the data has 3"):
        rehearsal.rehearse(prepared(recipe("multi-label", args="outputs: 2")))


def test_networks_without_tokens_to_move_are_told_before_anything_is_trained(recipe: Callable[..., Path]) -> None:
    moved = LEARN + ", adversarial: 1"
    with pytest.raises(ModelError, match="student: adversarial moves the vectors of tokens, and the network"):
        rehearsal.rehearse(prepared(recipe("classification", learn=moved)))
    with pytest.raises(ModelError, match="teacher: adversarial moves"):
        rehearsal.rehearse(prepared(recipe("classification", teacher=f"train: {{{moved}}}")))
    rehearsal.rehearse(prepared(recipe("classification", teacher="train: {epochs: 1, adversarial: 0}")))
    rehearsal.rehearse(prepared(recipe("embedding", learn=moved)))


def test_an_embeddings_teacher_cannot_be_trained_alone(recipe: Callable[..., Path]) -> None:
    with pytest.raises(RecipeError, match="embedding has no labels"):
        preparing.teacher_only(prepared(recipe("embedding")))


@pytest.mark.slow
@pytest.mark.parametrize("task", KINDS)
def test_a_kind_goes_from_data_to_a_bundle_that_answers(recipe: Callable[..., Path], tmp_path: Path, task: str) -> None:
    job = prepared(recipe(task, learn=LEARN + ", patience: 4"))
    record = running.run(job, tmp_path / "runs" / "one")
    assert [stage["id"] for stage in record["stages"]] == ["teacher", *(["student"] * job.baseline), "distill"]
    model = opened(tmp_path / "runs" / "one" / "bundle")
    assert model.manifest and model.manifest.task == task and job.metric in model.manifest.metrics
    history = (tmp_path / "runs" / "one" / "distill" / "history.jsonl").read_text()
    assert '"score"' in history
