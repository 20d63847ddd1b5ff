"""What a run is about (a Job), what a stage is given (a Context) and what it gives back (Made).

A recipe and a user's own Python objects both become a Job; nothing after that knows the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from edgekit import files, locks
from edgekit.compression import widths
from edgekit.errors import ModelError
from edgekit.exporting.deployment import Deployment
from edgekit.judging import Scorer
from edgekit.recipe.networks import Train
from edgekit.recipe.part import Part
from edgekit.recipe.schema import Budget, Measure, Stage, Targets
from edgekit.training.batches import Source
from edgekit.training.losses import CLASSES, TaskLosses
from edgekit.training.onnx_network import OnnxNetwork
from edgekit.training.watching import Validate


@dataclass(frozen=True)
class Network:
    """A network that can be built: `make` gives a fresh one, `identity` (JSON-ready) says which it is.

    With `weights` it is trained already; with `graph` it is an ONNX file, and `make` gives what answers as the file.
    """

    make: Callable[[], nn.Module]
    identity: dict[str, Any]
    train: Train
    weights: Path | None = None
    graph: Path | None = None

    def trained(self) -> nn.Module:
        """Build it with the weights it is said to have. Raises ModelError where they do not fit, or are damaged."""
        network = self.make()
        if self.weights:
            try:
                widths.fit(network, load_file(self.weights), f'the weights in "{self.weights}"')
            except SafetensorError as error:
                said = f'"{self.weights}" is damaged, or no safetensors file at all: {error}'
                raise ModelError(said, "get it again, or leave weights out to train the teacher") from None
        return network.eval()

    def digest(self) -> str:
        """Hash what a trained network is."""
        return files.fingerprint({"network": self.identity, "weights": self.weights and files.sha256(self.weights)})


def onnx_network(graph: Path, train: Train, mean: Sequence[float] = (), std: Sequence[float] = ()) -> Network:
    """Make a network of an ONNX file; `mean` and `std` are what the inputs of networks were normalised by."""
    identity = {"onnx": graph.name, "sha256": files.sha256(graph)}
    return Network(lambda: OnnxNetwork(graph, mean, std), identity, train, graph=graph)


class Sources(Protocol):
    """Where a job's batches come from."""

    def __call__(self, settings: Train, views: int, taught: bool = False, /) -> Source:
        """Return the batches of a training; where a teacher answers, those of examples without a label as well."""


@dataclass(frozen=True)
class Job:
    """Everything a run needs to know.

    `source(settings, views)` gives the batches of a training. `inputs`: real test examples (n >= 7) as an app passes
    them. `calibration(n)` yields feeds of about n training examples. `also`: trained networks that teach beside
    `teacher`. `classes`: targets of the test examples, for accuracy by class, and `judged_classes` those of the
    validation examples; `pictures(indices)` gives some of the test examples, where they are images. `losses` are the
    task's. What is shown as `metric` is `sign` times the mean score, in `unit` ("%": a share of 1). `groups`: by split,
    which recording or subject a score is of, int64 (n,), where examples hang together. `beside`: files that the bundle
    carries, by name. `pad`: what fills up short texts, where inputs are texts, `texts`: of how many one is.
    `validate(network)` is its mean score on validation examples. `data` and `provenance` are JSON-ready and go into
    run.json and the manifest.
    """

    name: str
    task: str
    metric: str
    seed: int
    teacher: Network | None
    student: Network | None
    baseline: bool
    stages: dict[str, Stage]
    source: Sources
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
    also: tuple[Network, ...] = ()
    classes: np.ndarray | None = None
    judged_classes: np.ndarray | None = None
    pictures: Callable[[list[int]], np.ndarray] | None = None
    losses: TaskLosses = CLASSES
    sign: int = 1
    unit: str = "%"
    groups: dict[str, np.ndarray] | None = None
    beside: dict[str, Path] = field(default_factory=dict)
    pad: int | None = None
    texts: int = 0
    validate: Validate | None = None
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
    """What a stage made: a trained network, an ONNX graph, or a graph and what answers as it; and what to say of it."""

    network: nn.Module | None = None
    graph: Path | None = None
    said: dict[str, Any] = field(default_factory=dict)
