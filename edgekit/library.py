"""`edgekit.distill` for notebooks: the user's own modules, loader, loss and metric through the same run as a recipe."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from edgekit import files, workflow
from edgekit.errors import DataError, UsageError
from edgekit.exporting.deployment import Deployment
from edgekit.judging import Predict
from edgekit.recipe.faults import translate
from edgekit.recipe.schema import STAGES, Budget, Measure, Part, Stage, Targets, Train
from edgekit.reporting import page
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model
from edgekit.signature import Tensor
from edgekit.stages.job import Job, Network
from edgekit.training.batches import LoaderSource

P = TypeVar("P", bound=Part)
Evaluate = Callable[[Predict], "np.ndarray | float"]


@dataclass(frozen=True)
class Run:
    """What came of a distillation: its folder, and what stands in its run.json."""

    folder: Path
    record: dict[str, Any]

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
    teacher: nn.Module,
    student: nn.Module,
    *,
    train: Iterable[Any],
    evaluate: Evaluate,
    test: Evaluate | None = None,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    metric: str = "accuracy",
    labels: Iterable[str] = (),
    output: str = "logits",
    stages: Mapping[str, Mapping[str, Any]] | None = None,
    baseline: bool = True,
    teacher_training: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    measure: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    name: str = "distilled",
    folder: str | Path = "runs",
    seed: int = 0,
) -> Run:
    """Distil `teacher` into `student`, then whatever `stages` say, each judged, proved and measured; write the bundle.

    `train`: a torch DataLoader (or list) of (inputs (b, ...), targets (b, ...)); an app will pass inputs as it yields
    them. `evaluate(predict)` scores a model on held-out data: `predict` maps a batch of inputs (numpy) to outputs;
    return one score in 0..1 per example, so that two models can be compared example by example, or one number.
    `test` does the same on data that no decision was taken on; `evaluate` stands in for it where left out.
    `loss(outputs, targets)` is the loss against the labels, cross-entropy unless given. `output`: "logits" as the
    modules answer, or "probabilities". `stages`: as in a recipe, {"distill": {"epochs": 10}, "quantize": {}};
    distillation alone where left out. `teacher_training`: how to train the teacher first; left out, it is trained.
    The modules given are not changed. Started again with the same arguments, a run goes on where it stopped.
    """
    kinds = _stages(stages or {"distill": {}})
    source = LoaderSource(train)
    sample = _inputs(train, 64)
    tensor = Tensor("input", str(sample.dtype), ("N", *sample.shape[1:]))
    data = {
        "source": type(train).__name__,
        "train": _length(train),
        "validation": None,
        "test": None,
        "labels": list(labels),
        "fingerprint": hashlib.sha256(sample.tobytes() + f"{len(train)}".encode()).hexdigest(),  # type: ignore[arg-type]
    }
    first = next((stage for stage in kinds.values() if isinstance(stage, Train)), None)
    settings = Train(**first.model_dump(include=set(Train.model_fields))) if first else Train()

    def score(predict: Predict) -> dict[str, np.ndarray]:
        return {"validation": _scores(evaluate(predict)), "test": _scores((test or evaluate)(predict))}

    def calibration(count: int) -> Iterator[dict[str, np.ndarray]]:
        yield {tensor.name: _inputs(train, count)}

    job = Job(
        name=name,
        task="classification" if data["labels"] else "custom",
        metric=metric,
        seed=seed,
        teacher=_network(teacher, _part(Train, teacher_training or {"epochs": 0}, "teacher_training")),
        student=_network(student, settings),
        baseline=baseline,
        stages=kinds,
        source=lambda _settings, _views: source,
        score=score,
        inputs=sample,
        calibration=calibration,
        deployment=Deployment(tensor, output, tuple(data["labels"])),
        budget=_part(Budget, budget or {}, "budget"),
        student_budget=Budget(max_drop_points=None),
        measure=_part(Measure, measure or {}, "measure"),
        targets=_part(Targets, targets or {}, "targets"),
        data=data,
        provenance={"made_by": "edgekit.distill"},
        loss=loss,
        recipe={"name": name, "seed": seed, "stages": {key: stage.model_dump() for key, stage in kinds.items()}},
    )
    identities = [network.identity for network in (job.teacher, job.student) if network]
    key = files.fingerprint({"recipe": job.recipe, "networks": identities, "data": data["fingerprint"]})
    place = Path(folder) / name / key[:8]
    record = workflow.run(job, place)
    page.write(place)
    return Run(place, record)


def _network(module: nn.Module, train: Train) -> Network:
    digest = hashlib.sha256(repr(module).encode())
    for value in module.state_dict().values():
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    start = copy.deepcopy(module).cpu()
    identity = {"class": type(module).__qualname__, "sha256": digest.hexdigest()}
    return Network(lambda: copy.deepcopy(start), identity, train)


def _stages(said: Mapping[str, Mapping[str, Any]]) -> dict[str, Stage]:
    made = {}
    for name, values in said.items():
        kind = values.get("kind") or name
        if kind not in STAGES:
            raise UsageError(f'there is no kind of stage "{kind}"', f"one of {', '.join(STAGES)}")
        made[name] = _part(STAGES[kind], {**values, "kind": kind}, f"stages.{name}")
    return made


def _part(kind: type[P], values: Mapping[str, Any], where: str) -> P:
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        faults = translate(error, kind, (where,))
        raise UsageError("; ".join(f"{'.'.join(map(str, f.path))}: {f.complaint}" for f in faults)) from None


def _inputs(train: Iterable[Any], count: int) -> np.ndarray:
    """Gather about `count` inputs from the loader, at least the 7 that the proof needs."""
    found: list[np.ndarray] = []
    for pair in train:
        found.append(torch.as_tensor(pair[0]).numpy())
        if sum(map(len, found)) >= count:
            break
    if sum(map(len, found)) < 7:
        raise DataError(f"the loader yields {sum(map(len, found))} examples; the proof needs at least 7")
    return np.concatenate(found)[:count]


def _length(train: Iterable[Any]) -> int | None:
    dataset = getattr(train, "dataset", None)
    return len(dataset) if hasattr(dataset, "__len__") else None


def _scores(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
