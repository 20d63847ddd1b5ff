"""edgekit train: one network from labels alone."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name (edgekit list), or the path of your own.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Values to change, such as teacher.train.epochs=3.", show_default=False)
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Apply what the recipe says for a short look.")] = False,
    runs: Annotated[str, typer.Option(help="The folder of all runs.")] = "runs",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json on the last line of stdout.")] = False,
) -> None:
    """Train the recipe's teacher from labels alone (its only network, where it has no teacher), and write its bundle.

    Weights that the recipe names are not used: they are made anew, as weights.safetensors in the run's folder.

    Example: edgekit train digits
    """
    from edgekit.commands.running import run_recipe

    run_recipe(recipe, overrides or [], quick, False, None, runs, dry_run, as_json, teacher_alone=True)
