"""Reads a recipe: found, overridden, validated, every fault told at once. No torch; no model file is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgekit.errors import ModelError, RecipeError, UsageError, nearest
from edgekit.recipe import consistency, finding, search_faults, stage_faults
from edgekit.recipe.document import Document, read
from edgekit.recipe.faults import Fault, shown, translate
from edgekit.recipe.overrides import apply, apply_quick
from edgekit.recipe.schema import STAGES, Quantize, Recipe, Stage

# Stands where a stage is at fault, so that the rest is validated too.
_AT_FAULT = Quantize()


@dataclass(frozen=True)
class Loaded:
    """A valid recipe and the file it came from, whose folder its relative paths start in."""

    recipe: Recipe
    path: Path

    @property
    def folder(self) -> Path:
        """Return the recipe's folder."""
        return self.path.parent


def load(name_or_path: str | Path, overrides: Sequence[str] = (), quick: bool = False) -> Loaded:
    """Load a shipped recipe by name, or any by path, with overrides such as `stages.prune.ratio=0.5`.

    `quick` applies what the recipe says under `quick` before the overrides. Raises RecipeError with every fault and
    its place, UsageError where an override is not one.
    """
    path = finding.find(str(name_or_path))
    text = _text(path)
    if quick and not read(text, finding.shown(path)).get("quick"):
        raise UsageError(
            f'"{finding.shown(path)}" does not say what --quick means',
            "give it a key such as quick: {stages.distill.epochs: 1}, or override values by hand",
        )
    document = _changed(read(text, finding.shown(path)), overrides, quick)
    recipe, faults = _validate(document, path.parent)
    told = [(document.place(fault), fault) for fault in faults]
    if not quick and document.get("quick"):  # a typing error there must not wait for the first --quick
        other = _changed(read(text, finding.shown(path)), overrides, quick=True)
        quick_told = [(other.place(fault), fault) for fault in _validate(other, path.parent)[1]]
        told += [found for found in quick_told if found not in told]
    if document.get("search"):
        tried = search_faults.tried(document, lambda other: _validate(other, path.parent))
        told += [found for found in tried if found not in told]
    if told or recipe is None:
        raise _error(document.name, told)
    return Loaded(recipe, path)


def resolved(recipe: Recipe) -> dict[str, Any]:
    """Give the recipe as JSON-ready values, defaults included: what a run is, for run.json and for its id.

    What `--quick` and a search would do, what a run is expected to take and the licence are left out, for they don't
    change a run.
    """
    return recipe.model_dump(mode="json", by_alias=True, exclude={"quick", "search", "expect", "licence"})


def resolve_model(loaded: Loaded, file: str) -> Path:
    """Return the path of a model or weights file that the recipe names; raise ModelError where it is gone."""
    found = finding.beside(loaded.folder, file)
    if found is None and file.startswith(finding.DATA):
        place = finding.place(loaded.folder, file)
        raise ModelError(f'there is no "{place}", which the recipe writes as "{file}"', "make data fetches it")
    if found is None:
        raise ModelError(f'there is no "{file}" in "{finding.shown(loaded.folder)}" or among edgekit\'s models')
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f'"{path}" cannot be read: {error}', "a recipe is a UTF-8 text file") from None


def _changed(document: Document, overrides: Sequence[str], quick: bool) -> Document:
    if quick:
        apply_quick(document)
    for override in overrides:
        apply(document, override)
    return document


def _validate(document: Document, folder: Path) -> tuple[Recipe | None, list[Fault]]:
    faults = list(document.faults)
    values = dict(document.values)
    stages = values.get("stages")
    if isinstance(stages, dict):
        # Each by its own kind, so that no one reads of a union.
        values["stages"] = {stage: _stage(stage, said, faults) for stage, said in stages.items()}
    if isinstance(search := values.get("search"), dict):
        values["search"] = search | ({"space": search_faults.sound(search["space"])} if "space" in search else {})
    recipe = None
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        faults += translate(error, Recipe)
    faults += consistency.check(document, folder)
    # What could not be read is not told again as of the wrong type.
    faults = [fault for fault in faults if fault.origin is not None or fault.path not in document.refused]
    return recipe, sorted(faults, key=document.line)


def _stage(stage: str, said: Any, faults: list[Fault]) -> Stage:
    at = ("stages", stage)
    if said is not None and not isinstance(said, dict):
        faults.append(Fault(at, f"{shown(said)} is not a mapping of keys"))
        return _AT_FAULT
    kind = stage_faults.kind_of(stage, said)
    if not isinstance(kind, str) or kind not in STAGES:
        near = nearest(kind, list(STAGES)) if isinstance(kind, str) else None
        told = f'did you mean "{near}"?' if near else f"one of {', '.join(STAGES)}, by its id or its key kind"
        faults.append(Fault(at, f"there is no kind of stage {shown(kind)}; {told}"))
        return _AT_FAULT
    try:
        return STAGES[kind].model_validate({**(said or {}), "kind": kind})
    except ValidationError as error:
        faults += translate(error, STAGES[kind], at)
        return _AT_FAULT


def _error(name: str, told: Sequence[tuple[str, Fault]]) -> RecipeError:
    lines = [(place, fault.complaint) for place, fault in told]
    if len(told) == 1:
        return RecipeError(": ".join(lines[0]), told[0][1].hint, lines)
    message = "\n".join([f"{name} has {len(told)} faults", *(f"  {place}: {said}" for place, said in lines)])
    return RecipeError(message, "edgekit check --schema describes every key", lines)
