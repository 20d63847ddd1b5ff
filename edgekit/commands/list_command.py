"""edgekit list: the recipes and model files there are. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the last line of stdout.")] = False,
) -> None:
    """Show the recipes and model files shipped with edgekit, and the recipes in this folder.

    Example: edgekit list
    """
    from pathlib import Path

    from edgekit import console
    from edgekit.recipe import finding

    shipped = [_recipe(path, path.stem) for path in finding.available()]
    folders = {path.parent.resolve() for path in finding.available()}
    own = [] if Path.cwd() in folders else [_recipe(path, path.name) for path in _own()]
    models = [{"name": path.name, "path": str(path), "says": _docstring(path)} for path in finding.model_files()]
    if as_json:
        console.result({"recipes": shipped, "own": own, "models": models})
        return
    columns = ["recipe", "task", "stages", "about"]
    console.table(columns, [_row(recipe) for recipe in shipped], "Recipes shipped with edgekit", left=len(columns))
    if own:
        console.table(columns, [_row(recipe) for recipe in own], "Recipes in this folder", left=len(columns))
    console.table(["model file", "about"], [[model["name"], model["says"]] for model in models], "Model files", left=2)
    console.say("edgekit copy NAME makes a recipe and its model file yours; edgekit check NAME says what it will do")


def _own() -> list[Path]:
    """Return the YAML files of this folder that mean to be recipes."""
    from pathlib import Path

    from edgekit.errors import RecipeError
    from edgekit.recipe.document import read

    found = []
    for path in sorted(Path().glob("*.yaml")):
        try:
            keys = read(path.read_text(encoding="utf-8"), path.name).values
        except (RecipeError, OSError, UnicodeDecodeError):
            continue
        if {"stages", "student"} <= set(keys):
            found.append(path)
    return found


def _recipe(path: Path, name: str) -> dict[str, Any]:
    from edgekit.errors import RecipeError
    from edgekit.recipe.loading import load

    told: dict[str, Any] = {"name": name, "path": str(path), "about": _about(path)}
    try:
        recipe = load(str(path.resolve())).recipe
    except RecipeError as error:
        return {**told, "valid": False, "faults": len(error.faults) or 1}
    return {**told, "valid": True, "task": recipe.task, "stages": list(recipe.stages)}


def _about(path: Path) -> str:
    """Return what the comment in a recipe's first line says, after the command it opens with."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.rpartition("  ")[2].lstrip("#").strip() if first.startswith("#") else ""


def _row(recipe: dict[str, Any]) -> list[str]:
    if not recipe["valid"]:
        return [recipe["name"], "not valid", "", f"edgekit check {recipe['name']} says why"]
    return [recipe["name"], recipe["task"], ", ".join(recipe["stages"]), recipe["about"]]


def _docstring(path: Path) -> str:
    """Return the first line a model file says of itself, without running it."""
    import ast

    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]
