"""`edgekit.distill` for notebooks: the user's own modules, loader, loss and metric through the same run as a recipe.

All of it is tried before anything is trained: the loader is read once, both modules answer some of it, loss and metric
judge answers that are made up. What does not fit shows then, and what comes of it tells this job from any other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from edgekit import files, processes
from edgekit.errors import UsageError
from edgekit.exporting.deployment import Deployment
from edgekit.recipe import stage_faults
from edgekit.recipe.document import Document
from edgekit.recipe.faults import Fault, dotted, translate
from edgekit.recipe.networks import Train
from edgekit.recipe.part import Part
from edgekit.recipe.schema import STAGES, Budget, Measure, Quantize, Stage, Targets
from edgekit.reporting import page
from edgekit.runtime.bundle import load
from edgekit.runtime.feeds import describe
from edgekit.runtime.model import Model
from edgekit.stages.job import Job
from edgekit.training import together
from edgekit.training.losses import CLASSES, TaskLoss, own
from edgekit.training.objective import Supervised
from edgekit.training.randomness import seeded
from edgekit.workflow import given, rehearsal, running, scoring

P = TypeVar("P", bound=Part)
_INPUTS = 64  # examples for the proof and the timing


@dataclass(frozen=True)
class Run:
    """What came of a distillation: its folder, and what stands in its run.json."""

    folder: Path
    record: dict[str, Any] = field(repr=False)

    @property
    def bundle(self) -> Path:
        """The folder an app embeds."""
        return self.folder / "bundle"

    @property
    def report(self) -> Path:
        """The page to look at."""
        return self.folder / page.FILE

    def load(self, device: str = "cpu") -> Model:
        """Open the bundle."""
        return load(self.bundle, device=device)


def distill(
    teacher: given.Teacher,
    student: nn.Module,
    *,
    also: Iterable[given.Teacher] = (),
    train: Iterable[Any],
    evaluate: given.Evaluate,
    test: given.Evaluate | None = None,
    loss: TaskLoss | None = None,
    metric: str = "accuracy",
    labels: Iterable[str] = (),
    output: str = "logits",
    stages: Mapping[str, Mapping[str, Any] | None] | None = None,
    baseline: bool = True,
    teacher_training: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    student_budget: Mapping[str, Any] | None = None,
    measure: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    name: str = "distilled",
    folder: str | Path = "runs",
    seed: int = 0,
) -> Run:
    """Distil `teacher` into `student`, then whatever `stages` say, each judged, proved and measured; write the bundle.

    `teacher`: a module, or the path of an ONNX file that takes what the loader yields. `also`: further trained
    teachers of either kind; the answers of all are averaged.
    `train`: a torch DataLoader (or list) of (inputs (b, ...), targets (b, ...)); an app will pass inputs as it yields
    them. `evaluate(predict)` scores a model on held-out data: `predict` maps a batch of inputs (numpy) to outputs;
    return one score in 0..1 per example, so that two models can be compared example by example, or one number.
    `test` does the same on data that no decision was taken on; `evaluate` stands in for it where left out.
    `loss(outputs, targets)` is the loss against the labels, cross-entropy unless given. `output`: "logits" as the
    modules answer, or "probabilities". `stages`: as in a recipe, {"distill": {"epochs": 10}, "quantize": {}};
    distillation alone where left out. `teacher_training`: how to train the teacher first; left out, it is trained.
    `student_budget`: what the student may lose against its teacher; `budget`: what every later stage may.

    Modules and random state are left as they are. Started again with the same arguments, a run goes on where it
    stopped. Before anything is trained, all is tried on each other: the loader is read once, `evaluate` is asked about
    answers that are made up, and an EdgekitError says what does not fit.
    """
    kinds = _stages(stages or {"distill": {}})
    if not re.fullmatch("[a-z0-9][a-z0-9-]*", name):
        raise UsageError(f'"{name}" cannot name a run', "lower-case letters, digits and hyphens: it names a folder")
    if output not in ("logits", "probabilities"):
        raise UsageError(f'there is no output "{output}"', "one of logits, probabilities")
    like = next((stage for stage in kinds.values() if isinstance(stage, Train)), Train())
    alone = Train(**like.model_dump(include=set(Train.model_fields)))
    keep = max([_INPUTS, *(stage.calibration_samples for stage in kinds.values() if isinstance(stage, Quantize))])
    names = tuple(labels)
    with seeded(seed, 0):
        examples = given.Examples(train, seed, keep)
        held_out = given.HeldOut(evaluate, test, examples.tensor, seed)
        deployment = Deployment(examples.tensor, output, names, as_given=True)
        job = Job(
            name=name,
            task="classification" if names else "custom",
            metric=metric,
            seed=seed,
            teacher=given.teacher(teacher, _part(Train, {"epochs": 0, **(teacher_training or {})}, "teacher_training")),
            student=given.network(student, alone),
            also=tuple(given.teacher(other, Train(epochs=0)) for other in also),
            baseline=baseline,
            stages=kinds,
            source=lambda _settings, _views, _taught=False: examples.source,
            score=held_out.score,
            inputs=examples.inputs[:_INPUTS],
            calibration=examples.calibration,
            deployment=deployment,
            validate=lambda network: together.first(lambda: held_out.validate(scoring.answering(network, deployment))),
            data={},
            provenance={},
            losses=own(loss) if loss else CLASSES,
            budget=_part(Budget, budget or {}, "budget"),
            student_budget=_part(Budget, student_budget or {"max_drop_points": None}, "student_budget"),
            measure=_part(Measure, measure or {}, "measure"),
            targets=_part(Targets, targets or {}, "targets"),
        )
        job = _identified(job, examples, held_out, type(train).__name__)
        place = Path(folder) / name / files.fingerprint([job.recipe, job.data])[:8]
        record = running.run(job, place) | {"report": page.FILE}
        if processes.own().leads:
            files.write_json(place / running.RUN, record)
            page.write(place)
    return Run(place, record)


def _identified(job: Job, examples: given.Examples, held_out: given.HeldOut, source: str) -> Job:
    """Try the job's parts on each other, and say in it what tells it from any other."""
    assert job.teacher and job.student
    answers = rehearsal.rehearse(job)
    teacher, student = (
        replace(network, identity=network.identity | {"answers": f"{answers[who].norm():.4g}"})
        for who, network in (("teacher", job.teacher), ("student", job.student))
    )
    asked = hashlib.sha256()

    def make_up(inputs: np.ndarray) -> np.ndarray:
        """Answer what no network did, so that loss and metric are known by what they make of it."""
        asked.update(inputs.tobytes())
        return np.random.default_rng(0).random((len(inputs), *answers["teacher"].shape[1:]), np.float32)

    loss, _ = Supervised(job.losses)(examples.first, torch.from_numpy(make_up(examples.first.inputs.cpu().numpy())))
    scores = held_out.score(make_up)
    figures = [f"{loss.item():.6g}", *(f"{describe(values)} {values.mean():.6g}" for values in scores.values())]
    data = {
        "source": source,
        "train": examples.count,
        **{split: len(values) if values.ndim else None for split, values in scores.items()},
        "labels": list(job.deployment.labels),
        "fingerprint": files.fingerprint([examples.digest, asked.hexdigest(), job.metric, *figures]),
    }
    recipe = {
        "name": job.name,
        "task": job.task,
        "metric": job.metric,
        "seed": job.seed,
        "teacher": {**teacher.identity, "train": teacher.train.model_dump(), "also": [n.identity for n in job.also]},
        "student": {**student.identity, "train": student.train.model_dump(), "baseline": job.baseline},
        "export": {"input": str(examples.tensor), "output": job.deployment.output},
        "stages": {name: stage.model_dump(by_alias=True) for name, stage in job.stages.items()},
        **{part: getattr(job, part).model_dump() for part in ("student_budget", "budget", "measure", "targets")},
    }
    provenance = {"made_by": "edgekit.distill", "recipe": recipe}
    form = answers["teacher"].shape
    return replace(
        job,
        teacher=teacher,
        student=student,
        data=data,
        recipe=recipe,
        provenance=provenance,
        classes=held_out.classes(form[1]) if len(form) == 2 else None,
        judged_classes=held_out.classes(form[1], "validation") if len(form) == 2 else None,
    )


def _stages(said: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Stage]:
    document = Document("stages")
    document.values = {"teacher": {}, "stages": {name: dict(values or {}) for name, values in said.items()}}
    faults, made = list(stage_faults.stages(document, Path())), {}
    for name, values in document.values["stages"].items():
        kind = stage_faults.kind_of(name, values)
        if kind in STAGES:
            made[name] = _part(STAGES[kind], {**values, "kind": kind}, "stages", name)
        else:
            faults.append(Fault(("stages", name), f'there is no kind of stage "{kind}"; one of {", ".join(STAGES)}'))
    if faults:
        raise _told(faults)
    return made


def _part(kind: type[P], values: Mapping[str, Any], *where: str) -> P:
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise _told(list(translate(error, kind, where))) from None


def _told(faults: list[Fault]) -> UsageError:
    return UsageError("; ".join(f"{dotted(each.path)}: {each.complaint}" for each in faults), faults[0].hint)
