"""A run as its folder tells it: run.json and the histories of its trainings. pydantic; no matplotlib.

Only what is shown is declared here. Whatever else run.json says is passed over, so that a newer writer does no harm.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from edgekit.deciding import KEPT_ANYWAY
from edgekit.errors import DataError
from edgekit.metric import Metric
from edgekit.reporting.differences import Differences, NotCompared
from edgekit.reporting.figures import Change, ClassChange, Layer, Ratio, Scores
from edgekit.reporting.reading import checked

SCHEMA = 1
FILE = "run.json"


class Latency(BaseModel):
    """Times of one call in microseconds, and how they were taken."""

    p50_us: float
    p50_low_us: float
    p50_high_us: float
    p90_us: float | None
    n: int
    device: str
    threads: int
    batch: int


class Parity(BaseModel):
    """How well the model's file agrees with what it was made from."""

    batches: list[int]
    max_abs: float
    argmax_agreement: float | None = None


class Verdict(BaseModel):
    """What the judge said of one candidate: a row of the table."""

    stage: str
    label: str
    decision: str
    anyway: bool = False
    reason: str
    incumbent: str | None
    parameters: int
    macs: int | None  # not known where texts have any length
    bytes: int
    metric: str
    unit: str = "%"
    sign: int = 1
    test: Scores
    change: Change | None
    worst_class: ClassChange | None = None
    memory: dict[str, Any] = {}
    latency: Latency
    speedup: Ratio | None
    speedup_over_teacher: Ratio | None
    parity: Parity | None
    layers: list[Layer] = []
    export: dict[str, Any] | None = None
    notes: list[str] = []

    @property
    def shown(self) -> Metric:
        """How its scores are shown."""
        return Metric(self.metric, self.unit, self.sign)

    @property
    def peak_bytes(self) -> int | None:
        """The memory that opening and running it took, where the budget asked."""
        return self.memory.get("peak_bytes")

    @property
    def word(self) -> str:
        """The decision; of a step that is outside the budget and stays, that it does."""
        return KEPT_ANYWAY if self.anyway else self.decision

    @property
    def undone(self) -> bool:
        """Tell whether the judge sent the candidate back."""
        return self.decision == "undone"


class Stage(BaseModel):
    """A stage that has begun; without a verdict it is not done."""

    id: str
    history: str | None = None
    said: dict[str, Any] = {}
    verdict: Verdict | None = None


class Target(BaseModel):
    """What the recipe wants of the whole, and what came of it."""

    name: str
    wanted: float
    got: float | None
    met: bool


class Data(BaseModel):
    """Where the examples came from and how they were split."""

    source: str
    train: int | None
    validation: int | None
    test: int | None
    labels: list[str]
    fingerprint: str


class Run(BaseModel):
    """All that run.json says and the report shows."""

    name: str
    id: str
    status: str
    created: str
    seconds: float | None = None
    recipe: dict[str, Any]
    recipe_file: str | None = None
    seed: int
    versions: dict[str, str | None]
    machine: dict[str, Any]
    data: Data | None = None
    stages: list[Stage]
    differences: Differences | NotCompared | None = None
    kept: str | None = None
    targets: list[Target] = []
    bundle: str | None = None
    report: str | None = None

    @property
    def verdicts(self) -> list[Verdict]:
        """Every verdict so far, in the order of the stages."""
        return [stage.verdict for stage in self.stages if stage.verdict]

    @property
    def metric(self) -> Metric:
        """How the scores of its models are shown."""
        return self.verdicts[0].shown if self.verdicts else Metric("metric")

    @property
    def teacher(self) -> Verdict | None:
        """The teacher's row, where there is one."""
        return self.verdict("teacher")

    @property
    def shipped(self) -> Verdict | None:
        """The row of the model that is in the bundle; None in an unfinished run."""
        return self.verdict(self.kept)

    def verdict(self, stage: str | None) -> Verdict | None:
        """The verdict of the stage with that id, or None."""
        return next((verdict for verdict in self.verdicts if verdict.stage == stage), None)

    @property
    def finished(self) -> bool:
        """Tell whether the run came to its end."""
        return self.status == "finished"

    @property
    def missing(self) -> list[str]:
        """The ids of an unfinished run's stages that have no verdict yet."""
        if self.finished:
            return []
        planned = ["teacher"] if self.recipe.get("teacher") else []
        planned += ["student"] if (self.recipe.get("student") or {}).get("baseline") else []
        planned += [*self.recipe.get("stages", {}), *(stage.id for stage in self.stages)]
        return [name for name in dict.fromkeys(planned) if self.verdict(name) is None]


class Epoch(BaseModel):
    """A line of history.jsonl."""

    epoch: int
    loss: float


def parse(said: Any, where: str) -> Run:
    """Check the values of a run.json; raise DataError that names the first place that is not what it must be."""
    again = "start the run again: what is finished in its folder is not done twice"
    return checked(Run, said, where, what="run", newest=SCHEMA, named="name a folder below runs/", again=again)


def read(folder: Path) -> Run:
    """Read the record of the run in `folder`; raise DataError where it is absent or damaged."""
    path = folder / FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f'"{folder}" is not a run: it has no {FILE}', "name a folder below runs/") from None
    except (OSError, ValueError) as error:
        raise DataError(
            f'"{path}" cannot be read: {error}', "start the run again: what is finished in its folder is not done twice"
        ) from None
    return parse(said, str(path))


def history(folder: Path, stage: Stage) -> list[Epoch]:
    """Read a stage's epochs in order. A line cut short by a kill is left out; a repeated epoch counts as told last."""
    path = folder / stage.history if stage.history else None
    if path is None or not path.is_file():
        return []
    epochs: dict[int, Epoch] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            epoch = Epoch.model_validate_json(line)
        except ValidationError:
            continue
        if math.isfinite(epoch.loss):
            epochs[epoch.epoch] = epoch
    return [epochs[number] for number in sorted(epochs)]
