"""What a run is about (a Job), what a stage is given (a Context) and what it gives back (Made).

A recipe and a user's own Python objects both become a Job; nothing after that knows the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from edgekit import locks
from edgekit.exporting.deployment import Deployment
from edgekit.judging import Scorer
from edgekit.recipe.schema import Budget, Measure, Part, Stage, Targets, Train
from edgekit.training.batches import Source
from edgekit.training.objective import TaskLoss


@dataclass(frozen=True)
class Network:
    """A network that can be built: `make` gives a fresh one, `identity` (JSON-ready) says which it is."""

    make: Callable[[], nn.Module]
    identity: dict[str, Any]
    train: Train
    weights: Path | None = None


@dataclass(frozen=True)
class Job:
    """Everything a run needs to know.

    `source(settings, views)` gives the batches of a training. `inputs`: real test examples (n >= 7) as an app passes
    them. `calibration(n)` yields feeds of about n training examples. `classes`: targets of the test examples, for
    accuracy by class. `data` and `provenance` are JSON-ready and go into run.json and the manifest.
    """

    name: str
    task: str
    metric: str
    seed: int
    teacher: Network | None
    student: Network | None
    baseline: bool
    stages: dict[str, Stage]
    source: Callable[[Train, int], Source]
    score: Scorer
    inputs: np.ndarray
    calibration: Callable[[int], Iterator[dict[str, np.ndarray]]]
    deployment: Deployment
    budget: Budget
    student_budget: Budget
    measure: Measure
    targets: Targets
    data: dict[str, Any]
    provenance: dict[str, Any]
    classes: np.ndarray | None = None
    loss: TaskLoss | None = None
    recipe: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of a run's plan: a stage's name and kind, what it is told, and which network it trains."""

    name: str
    kind: str
    settings: Part
    origin: str


@dataclass(frozen=True)
class Context:
    """What a stage works with: the job, its own folder and key, and the models that came before.

    `origin` is the Network to train from the start; `network` and `graph` are the incumbent's, where there is one.
    `teacher` is the trained teacher, `teacher_key` its identity.
    """

    job: Job
    name: str
    folder: Path
    key: str
    device: locks.Device
    origin: Network
    network: nn.Module | None = None
    graph: Path | None = None
    teacher: nn.Module | None = None
    teacher_key: str = ""


@dataclass(frozen=True)
class Made:
    """What a stage made: a trained network, or an ONNX graph; and what there is to say of it."""

    network: nn.Module | None = None
    graph: Path | None = None
    said: dict[str, Any] = field(default_factory=dict)
