"""What may be wrong with a recipe's search: its keys, choices and ranges, its rungs. No torch; nothing is built.

Every end of every range is tried as an override would be: what the recipe refuses there is a fault of the search,
told at the search's own line.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgekit.recipe.document import OVERRIDE, Document
from edgekit.recipe.faults import Fault, Keys, shown, translate
from edgekit.recipe.overrides import put
from edgekit.recipe.schema import Distill, Recipe
from edgekit.recipe.searching import NETWORK, Range, Search, changes

_AT = ("search", "space")
_SEARCHED = (NETWORK, "stages")
Validate = Callable[[Document], tuple[Recipe | None, list[Fault]]]


def search(document: Document, folder: Path) -> Iterator[Fault]:
    """Yield the faults of the section as it is written."""
    space = _mapping(document.get(*_AT))
    for key, said in space.items():
        yield from _entry(key, said)
        if key.startswith(f"{NETWORK}.") and NETWORK in space:
            said_twice = f'"{key}" and "{NETWORK}" both say what the student is'
            yield Fault((*_AT, key), said_twice, "write it into the choices of student")
    rungs = document.get("search", "rungs")
    if isinstance(rungs, list) and all(isinstance(rung, int) for rung in rungs) and rungs != sorted(set(rungs)):
        yield Fault(("search", "rungs"), f"{shown(rungs)} does not rise", "write the epochs in order, as [1, 3]")


def _entry(key: str, said: Any) -> Iterator[Fault]:
    at, path = (*_AT, key), key.split(".")
    if key == NETWORK:
        yield from _networks(said, at)
    elif path[0] not in _SEARCHED or len(path) < 2 or not all(path):
        yield Fault(at, f'"{key}" cannot be searched: a key begins with student. or stages.')
    elif path[0] == "stages" and len(path) == 2 and said != [True, False]:
        yield Fault(at, f"{shown(said)} does not say whether the stage is in or out", "write [true, false]")
    else:
        yield from _of(said, at)


def _networks(said: Any, at: Keys) -> Iterator[Fault]:
    """Students to choose from are said as the section student says one."""
    if isinstance(said, list) and all(isinstance(choice, dict) for choice in said):
        yield from _of(said, at)
    else:
        hint = "write [{model: a.py, args: {width: 8}}, {model: b.py}]"
        yield Fault(at, f"{shown(said)} is no list of students", hint)


def _of(said: Any, at: Keys) -> Iterator[Fault]:
    if isinstance(said, list):
        told = [repr(choice) if isinstance(choice, list | dict) else shown(choice) for choice in said]
        if len(set(told)) < 2:
            yield Fault(at, f"{shown(said)} leaves nothing to choose", "list two choices or more")
        elif len(set(told)) < len(told):
            yield Fault(at, f"{shown(said)} says a choice twice")
    elif not isinstance(said, dict):
        yield Fault(
            at, f"{shown(said)} is neither a list of choices nor a range", "write [8, 16] or {low: 8, high: 16}"
        )
    else:
        try:
            span = Range.model_validate(said)
        except ValidationError as error:
            yield from translate(error, Range, at)
            return
        whole = isinstance(span.low, int) and isinstance(span.high, int)
        if span.low >= span.high:
            yield Fault(at, f"low is {span.low:g} and high {span.high:g}", "low must be below high")
        elif span.log and span.low <= 0:
            yield Fault((*at, "low"), f"{span.low:g} is not above 0, and log asks for ratios")
        elif span.step and (span.log or not whole):
            why = "log has steps of its own" if span.log else "steps are of whole numbers"
            yield Fault((*at, "step"), f"{span.step} cannot be: {why}", "leave step out")
        elif span.step and span.step > span.high - span.low:
            yield Fault((*at, "step"), f"{span.step} is wider than the range")


def sound(space: Any) -> Any:
    """Return of a space what its section can be read of, so that no one is told of a union."""
    if not isinstance(space, dict):
        return space
    return {key: [None] if any(_entry(key, said)) else said for key, said in space.items()}


def tried(document: Document, validate: Validate) -> Iterator[tuple[str, Fault]]:
    """Yield the place and fault of every end that the recipe refuses, and of what is said under `short`."""
    short = copy.deepcopy(document)
    for key, value in _mapping(document.get("search", "short")).items():
        put(short, tuple(key.split(".")), value, document.origin(("search", "short", key)) or OVERRIDE)
    known: list[Fault] = []
    recipe, faults = validate(short)
    for fault in faults:
        known.append(fault)
        yield short.place(fault), fault
    for key, said in _mapping(document.get(*_AT)).items():
        if any(_entry(key, said)):
            continue
        for end in ends(said):
            other = copy.deepcopy(short)
            other.remove(("search",))
            for name, value in changes(key, end).items():
                put(other, tuple(name.split(".")), value, document.origin((*_AT, key)) or OVERRIDE)
            for fault in validate(other)[1]:
                if fault not in known:
                    known.append(fault)
                    yield other.place(fault), fault
    if recipe and recipe.search:
        yield from ((short.place(fault), fault) for fault in _late(recipe, recipe.search))


def ends(said: list[Any] | Mapping[str, Any]) -> list[Any]:
    """Return all choices, or the two ends of a range."""
    return said if isinstance(said, list) else [said["low"], said["high"]]


def _late(recipe: Recipe, search: Search) -> Iterator[Fault]:
    """A rung that no training reaches would never be noticed."""
    for stage, settings in recipe.stages.items():
        if isinstance(settings, Distill) and f"stages.{stage}.epochs" not in search.space:
            if search.rungs and search.rungs[-1] >= settings.epochs:
                said = f"{search.rungs[-1]} comes no earlier than the end: stages.{stage} has {settings.epochs} epochs"
                yield Fault(("search", "rungs"), said, "a trial can only end at a rung before its last epoch")
            return


def _mapping(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}
