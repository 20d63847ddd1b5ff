"""edgekit distill: all that a recipe says, to its bundle and report."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe's name (edgekit list), or the path of your own.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Values to change, such as stages.prune.ratio=0.5.", show_default=False)
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Apply what the recipe says for a short look.")] = False,
    until: Annotated[str | None, typer.Option(help="Stop after this stage.")] = None,
    keep_anyway: Annotated[
        bool, typer.Option("--keep-anyway", help="Keep steps outside the budget; all that is made says so.")
    ] = False,
    runs: Annotated[str, typer.Option(help="The folder of all runs.")] = "runs",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print run.json on the last line of stdout.")] = False,
) -> None:
    """Make a small model from a big one as the recipe says, prove it, measure it, and write its bundle and report.

    A run that was stopped goes on where it stood; what is finished is not done again.

    Example: edgekit distill digits
    """
    from edgekit.commands.running import run_recipe

    run_recipe(recipe, overrides or [], quick, keep_anyway, until, runs, dry_run, as_json, teacher_alone=False)
