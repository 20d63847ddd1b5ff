"""A search as its folder tells it: search.json. pydantic; no matplotlib.

Every figure of the metric is what people read: percent where the unit is "%", with the sign applied. Only what is shown
is declared here; whatever else search.json says is passed over, so that a newer writer does no harm.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from edgekit.errors import DataError
from edgekit.metric import Metric
from edgekit.reporting.reading import checked

SCHEMA = 1
FILE = "search.json"
POINTS = 3  # that a search chooses where nothing is said
STATES = ("complete", "stopped", "infeasible", "failed", "lost", "running")
_AGAIN = "start the search again: what its trials have made is not done twice"

Real = Annotated[float, Field(allow_inf_nan=False)]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Shown(BaseModel):
    """What the trials are scored by."""

    name: str
    unit: str = "%"
    sign: int = 1


class Teacher(BaseModel):
    """The model whose answers the trials learn from, as the same search measured it, on validation examples."""

    metric: Real | None = None
    p50_ms: Above | None = None
    bytes: int | None = None


class Limits(BaseModel):
    """What the recipe's targets ask of a trial."""

    metric: Real | None = None
    p50_ms: Above | None = None
    bytes: int | None = None
    speedup: Above | None = None


class Trial(BaseModel):
    """One run with some of the recipe's settings changed, as far as it came."""

    number: int
    state: str
    why: str | None = None
    own: bool = False
    overrides: dict[str, Any] = {}
    metric: Real | None = None
    metric_low: Real | None = None
    metric_high: Real | None = None
    n: int | None = None
    speedup: Above | None = None
    speedup_low: Real | None = None
    speedup_high: Real | None = None
    p50_ms: Above | None = None
    bytes: int | None = None
    parameters: int | None = None
    kept: str | None = None
    duplicate: int | None = None
    rung_scores: dict[str, Real] = {}
    seconds: float | None = None
    run: str | None = None

    @property
    def spot(self) -> tuple[float, float] | None:
        """Its milliseconds and metric, where both were measured."""
        return None if self.p50_ms is None or self.metric is None else (self.p50_ms, self.metric)

    @property
    def last_rung(self) -> tuple[int, float] | None:
        """The epochs after which it was last compared with others, and its metric then."""
        reached = [int(epochs) for epochs in self.rung_scores if epochs.isdecimal()]
        return (max(reached), self.rung_scores[str(max(reached))]) if reached else None


class Chosen(BaseModel):
    """A point that was chosen, why, and where its recipe and its bundle lie within the folder."""

    name: str
    trial: int
    why: str
    recipe: str | None = None
    bundle: str | None = None


class Search(BaseModel):
    """All that search.json says and the page shows."""

    name: str
    id: str
    status: str = "running"
    recipe_file: str | None = None
    command: str | None = None
    created: str = ""
    seconds: float | None = None
    trials_asked: int | None = None
    jobs: int = 1
    storage: str = "journal"
    machine: dict[str, Any] = {}
    versions: dict[str, str | None] = {}
    data: dict[str, int | None] = {}
    metric: Shown
    limits: Limits = Limits()
    space: dict[str, Any] = {}
    short: dict[str, Any] = {}
    rungs: list[int] = []
    points: int = POINTS
    teacher: Teacher | None = None
    trials: list[Trial] = []
    front: list[int] = []
    chosen: list[Chosen] = []

    @property
    def drawn(self) -> list[Trial]:
        """The trials that have figures, good or bad."""
        return [trial for trial in self.trials if trial.spot]

    @property
    def shown(self) -> Metric:
        """How its metric is written."""
        return Metric(self.metric.name, self.metric.unit, self.metric.sign)

    @property
    def scale(self) -> float:
        """What a mean score is multiplied by to become a figure of this record."""
        return self.metric.sign * (100.0 if self.shown.share else 1.0)

    @property
    def own(self) -> Trial | None:
        """The trial of the recipe's own values, where it has come to its end."""
        return next((trial for trial in self.trials if trial.own and trial.spot), None)

    def trial(self, number: int) -> Trial | None:
        """The trial with that number, or None."""
        return next((trial for trial in self.trials if trial.number == number), None)

    def on_front(self) -> list[Trial]:
        """The trials of the front that have figures, the fastest first."""
        found = [trial for trial in map(self.trial, dict.fromkeys(self.front)) if trial and trial.spot]
        return sorted(found, key=lambda trial: (trial.p50_ms or math.inf, trial.number))

    def chosen_trials(self) -> list[tuple[Chosen, Trial]]:
        """The chosen points with their trials, the fastest first."""
        found = [(chosen, trial) for chosen in self.chosen if (trial := self.trial(chosen.trial)) and trial.spot]
        return sorted(found, key=lambda pair: (pair[1].p50_ms or math.inf, pair[1].number))

    def rise(self, figure: float | None) -> float:
        """Turn a figure of the metric into one of which more is better, for plots and comparisons."""
        return self.metric.sign * (figure or 0.0)


def parse(said: Any, where: str) -> Search:
    """Check the values of a search.json; raise DataError that names the first place that is not what it must be."""
    return checked(Search, said, where, what="search", newest=SCHEMA, named="name a search's folder", again=_AGAIN)


def read(folder: Path) -> Search:
    """Read the record of the search in `folder`; raise DataError where it is absent or damaged."""
    path = folder / FILE
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f'"{folder}" is not a search: it has no {FILE}', "edgekit search RECIPE makes one") from None
    except (OSError, ValueError) as error:
        raise DataError(f'"{path}" cannot be read: {error}', _AGAIN) from None
    return parse(said, str(path))
