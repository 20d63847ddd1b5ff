"""Every shipped recipe is valid, and opens with the command that uses it and what came of it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import typer.main

from edgekit.cli import make
from edgekit.recipe import finding
from edgekit.recipe.loading import load

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
COUNT = 13  # say here when a recipe comes or goes
PARSERS = typer.main.get_command(make()).commands  # type: ignore[attr-defined]


def head(recipe: Path) -> list[str]:
    """Return the comment a recipe opens with, without its hashes."""
    lines = recipe.read_text("utf-8").splitlines()
    return [line.removeprefix("#").strip() for line in lines[: next(n for n, x in enumerate(lines) if x[:1] != "#")]]


def test_all_recipes_are_found():
    assert len(RECIPES) == COUNT
    assert finding.available() == RECIPES


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_a_shipped_recipe_is_valid(recipe: Path, quick: bool):
    assert load(recipe, quick=quick).recipe.name == recipe.stem


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_opens_with_commands_that_parse(recipe: Path):
    commands = [line for line in head(recipe) if line.startswith("edgekit ")]
    assert commands and head(recipe)[0] == commands[0]
    for line in commands:
        _, verb, *arguments = shlex.split(line.partition("  ")[0])
        assert arguments[0] == recipe.stem
        PARSERS[verb].make_context(verb, arguments)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_what_came_of_it(recipe: Path):
    (outcome,) = (line for line in head(recipe) if line.startswith("outcome:"))
    assert outcome.removeprefix("outcome:").strip()
