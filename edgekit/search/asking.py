"""What a search was asked for, and the recipe of each of its trials. No torch.

A trial is the recipe with what `short` says, what the user changed, and what was drawn, in that order; the student
alone is not trained, and no step is undone for its loss of accuracy, which the search weighs itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from edgekit.errors import RecipeError
from edgekit.recipe.finding import shown
from edgekit.recipe.loading import Loaded, load
from edgekit.recipe.schema import Distill, Recipe
from edgekit.recipe.searching import NETWORK, Search
from edgekit.search import space

JOURNAL, TRIALS, WORKERS, POINTS, RECORD = "study.journal", "trials", "workers", "points", "search.json"
_ALWAYS = {"student.baseline": False, "search": None}
LIFTED = ("max_drop_points", "max_class_drop_points")  # limits of a budget: accuracy is searched for beside speed
_EXAMPLE = "search: {space: {student.args.width: [8, 16, 24], stages.prune.ratio: {low: 0.2, high: 0.6}}}"


@dataclass(frozen=True)
class Asked:
    """What the command line said, JSON-ready: all that a worker must know. `folder` is the search's own."""

    recipe: str
    overrides: tuple[str, ...] = ()
    quick: bool = False
    trials: int = 1
    jobs: int = 1
    storage: str | None = None
    folder: str = ""

    def written(self) -> str:
        """Write it as a line of JSON, the storage's password included."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Asked:
        """Read what `written` wrote."""
        said = json.loads(line)
        return cls(**said | {"overrides": tuple(said["overrides"])})


class Plan:
    """The recipe of a search as it stands, its space, and what a trial makes of it."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.loaded = load(asked.recipe, asked.overrides, asked.quick)
        if self.loaded.recipe.search is None:
            raise RecipeError(
                f'"{shown(self.loaded.path)}" has no section search: it does not say what may vary',
                f"such as {_EXAMPLE}",
            )
        self.search: Search = self.loaded.recipe.search
        self.dimensions = space.read(self.recipe)

    @property
    def recipe(self) -> Recipe:
        """The recipe at its full length."""
        return self.loaded.recipe

    @property
    def folder(self) -> Path:
        """The search's folder."""
        return Path(self.asked.folder)

    @cached_property
    def own(self) -> dict[str, Any]:
        """The recipe's own values of what is searched."""
        return space.own(self.recipe, self.dimensions)

    @cached_property
    def learns(self) -> str:
        """The step that trains the student first: the stage that distils it, else "student"."""
        stages = (name for name, stage in self.recipe.stages.items() if isinstance(stage, Distill))
        return next(stages, "student")

    @property
    def lifted(self) -> dict[str, Any]:
        """What lifts every budget's limits on accuracy, those of single steps too, where there are any."""
        budgets = {"budget": self.recipe.budget, "student.budget": self.recipe.student.budget}
        budgets |= {f"stages.{name}.budget": stage.budget for name, stage in self.recipe.stages.items() if stage.budget}
        limits = [
            (at, limit) for at, budget in budgets.items() for limit in LIFTED if getattr(budget, limit) is not None
        ]
        return {f"{at}.{limit}": None for at, limit in limits}

    def trial(self, values: Mapping[str, Any]) -> Loaded:
        """Load the recipe of the trial of these values."""
        always: dict[str, Any] = _ALWAYS | self.lifted
        if self.search.rungs:  # the student is scored after every epoch
            train = "student.train" if self.learns == "student" else f"stages.{self.learns}"
            always[f"{train}.validate_every"] = 1
        network = {key: value for key, value in values.items() if key == NETWORK}  # before what is set in it
        drawn = {key: value for key, value in values.items() if key != NETWORK}
        before, after = (self.search.short, network), (always, drawn)
        overrides = [*_written(before), *self.asked.overrides, *_written(after)]
        return load(str(self.loaded.path), overrides, self.asked.quick)


def _written(parts: Iterable[Mapping[str, Any]]) -> list[str]:
    return [override for part in parts for override in space.written(part)]
