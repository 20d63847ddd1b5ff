"""What a search may vary, as Optuna draws it: choices, ranges, stages that are in or out. Imports the recipe alone.

A stage that is left out takes its other keys with it: they are not drawn. Numbers in rising order are drawn by their
place, so that the sampler knows which choices are neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgekit.recipe.loading import resolved
from edgekit.recipe.schema import Recipe, Student
from edgekit.recipe.searching import NETWORK, Range, changes

if TYPE_CHECKING:
    from optuna import Trial

_DIGITS = 4  # significant ones of a number that is drawn: recipes stay readable


@dataclass(frozen=True)
class Choices:
    """One of some values, of any kind that YAML has."""

    key: str
    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """What is tried before the search."""
        return self.values

    def draw(self, trial: Trial) -> Any:
        """Have the sampler choose."""
        if self._rising:
            return self.values[trial.suggest_int(self.key, 0, len(self.values) - 1)]
        return json.loads(str(trial.suggest_categorical(self.key, list(map(_text, self.values)))))

    def fixed(self, value: Any) -> dict[str, Any]:
        """Return what makes the sampler choose `value`; nothing where it is no choice."""
        place = next((place for place, choice in enumerate(self.values) if _text(choice) == _text(value)), None)
        return {} if place is None else {self.key: place if self._rising else _text(value)}

    @property
    def _rising(self) -> bool:
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)
        return numbers and list(self.values) == sorted(self.values)


@dataclass(frozen=True)
class Numbers:
    """Numbers of a range, its ends included."""

    key: str
    low: float
    high: float
    log: bool
    step: int
    whole: bool

    @property
    def ends(self) -> tuple[Any, ...]:
        """What is tried before the search."""
        return self.low, self.high

    def draw(self, trial: Trial) -> Any:
        """Have the sampler draw."""
        if self.whole:
            return trial.suggest_int(self.key, int(self.low), int(self.high), step=self.step, log=self.log)
        drawn = float(f"{trial.suggest_float(self.key, self.low, self.high, log=self.log):.{_DIGITS}g}")
        return min(max(drawn, self.low), self.high)

    def fixed(self, value: Any) -> dict[str, Any]:
        """Return what makes the sampler draw `value`; nothing where it cannot."""
        if not isinstance(value, int | float) or isinstance(value, bool) or not self.low <= value <= self.high:
            return {}
        return {} if self.whole and (value - self.low) % self.step else {self.key: value}


Dimension = Choices | Numbers


def read(recipe: Recipe) -> list[Dimension]:
    """Return what the recipe's search varies: whether stages are in first, for other keys hang on them."""
    assert recipe.search
    values = _values(recipe)
    found = [_dimension(key, said, values.get(key)) for key, said in recipe.search.space.items()]
    return sorted(found, key=lambda dimension: not _is_switch(dimension.key))


def own(recipe: Recipe, dimensions: Iterable[Dimension]) -> dict[str, Any]:
    """Return the recipe's own values, by key; without those it leaves to a model file's defaults."""
    values = _values(recipe)
    del values[NETWORK]
    if network := _network(recipe):
        values[NETWORK] = network
    return {each.key: values[each.key] for each in dimensions if each.key in values}


def fixed(dimensions: Iterable[Dimension], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes Optuna draw `values`, as far as they lie in the space."""
    return {name: to for each in dimensions if each.key in values for name, to in each.fixed(values[each.key]).items()}


def draw(trial: Trial, dimensions: Iterable[Dimension]) -> dict[str, Any]:
    """Draw the values of a trial."""
    values: dict[str, Any] = {}
    for each in dimensions:
        stage = each.key.split(".")[1] if each.key.startswith("stages.") else None
        if _is_switch(each.key) or values.get(f"stages.{stage}", True):
            values[each.key] = each.draw(trial)
    return values


def written(values: Mapping[str, Any]) -> list[str]:
    """Write values as overrides; stages that are left out come last, after what would be set in them."""
    order: Sequence[str] = sorted(values, key=_is_switch)
    return [f"{name}={_text(value)}" for key in order for name, value in changes(key, values[key]).items()]


def _dimension(key: str, said: list[Any] | Range, value: Any) -> Dimension:
    if isinstance(said, list):
        return Choices(key, tuple(said))
    whole = isinstance(said.low, int) and isinstance(said.high, int) and not isinstance(value, float)
    return Numbers(key, said.low, said.high, said.log, said.step or 1, whole)


def _network(recipe: Recipe) -> Any:
    """Return the choice that is the recipe's own student, as it is written there; None where none is."""
    assert recipe.search
    own = recipe.student.model_dump(mode="json", by_alias=True)
    choices = recipe.search.space.get(NETWORK)
    for choice in choices if isinstance(choices, list) else ():
        said = {key.partition(".")[2]: value for key, value in changes(NETWORK, choice).items()}
        if Student.model_validate({**own, **said}) == recipe.student:
            return choice
    return None


def _is_switch(key: str) -> bool:
    return key.startswith("stages.") and key.count(".") == 1


def _values(recipe: Recipe) -> dict[str, Any]:
    """Return every value of the recipe by its dotted key; of a stage, that it is there."""
    found: dict[str, Any] = {}

    def walk(value: Any, path: str) -> None:
        found[path] = value
        if isinstance(value, dict):
            for key, part in value.items():
                walk(part, f"{path}.{key}" if path else key)

    walk(resolved(recipe), "")
    return found | {f"stages.{stage}": True for stage in recipe.stages}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
