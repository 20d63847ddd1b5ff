"""Where recipes, model files and weights lie: beside the user's recipe, or shipped with edgekit. Reads no file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgekit import files
from edgekit.errors import RecipeError, nearest

DATA = "data:"  # before a file that lies where `make data` puts data sets: "data:minilm/model.safetensors"


def shipped(kind: str) -> Path:
    """Return the folder of shipped "recipes" or "models": inside an installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    bundled = package / "_bundled" / kind
    return bundled if bundled.is_dir() else package.parent / kind


def available() -> list[Path]:
    """Return every shipped recipe, by name."""
    return sorted(shipped("recipes").rglob("*.yaml"))


def model_files() -> list[Path]:
    """Return every shipped model file, by name."""
    return sorted(shipped("models").glob("*.py"))


def find(name_or_path: str) -> Path:
    """Return the recipe of that path, or the shipped one of that name; raise RecipeError with the nearest name."""
    path = Path(name_or_path)
    names = {recipe.stem: recipe for recipe in available()}
    if "/" not in name_or_path and path.suffix not in (".yaml", ".yml"):
        if name_or_path in names:
            return names[name_or_path]
        own = [found.name for found in sorted(Path().glob("*.y*ml"))]
        near = f"{name_or_path}.yaml" if f"{name_or_path}.yaml" in own else nearest(name_or_path, [*names, *own])
        raise RecipeError(
            f'there is no recipe "{name_or_path}"',
            (f'did you mean "{near}"? ' if near else "") + "edgekit list shows them all",
        )
    if _holds(path.is_file):
        return path
    if _holds(path.is_dir):
        raise RecipeError(f'"{path}" is a folder, not a recipe', "name the .yaml file in it")
    hint = "edgekit list shows the recipes there are"
    if path.stem in names:
        hint = f"edgekit copy {path.stem} brings the shipped one"
    elif near := nearest(path.name, [found.name for found in sorted(path.parent.glob("*.y*ml"))]):
        hint = f'did you mean "{path.with_name(near)}"?'
    raise RecipeError(f'there is no file "{path}"', hint)


def place(folder: Path, written: str) -> Path:
    """Return where a recipe in `folder` says that something lies: from there on, or "data:" from $EDGEKIT_DATA on."""
    return files.data_home() / written[len(DATA) :] if written.startswith(DATA) else folder / written


def beside(folder: Path, file: str) -> Path | None:
    """Return a file that a recipe in `folder` names: where it says first, then among the shipped models."""
    places = (place(folder, file), shipped("models") / file)
    return next((path for path in places if _holds(path.is_file)), None)


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # a name too long, a folder that may not be entered
        return False


def shown(path: Path) -> str:
    """Write a path as short as it can be read from the current folder."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if path.resolve().is_relative_to(here) else str(path)
