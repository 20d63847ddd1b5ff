"""edgekit search: the ranges a recipe declares, explored by many trials. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path

_INTERRUPTED = 130  # as shells have it for a command ended by Ctrl-C


def command(
    recipe: Annotated[str, typer.Argument(help="A recipe with a section search, by name or path.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Values to change, such as targets.p50_ms=0.2.", show_default=False)
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="How many trials, those of earlier sittings included.")] = 20,
    jobs: Annotated[int, typer.Option(min=1, help="How many worker processes share the cores.")] = 1,
    storage: Annotated[
        str | None, typer.Option(help="URL of a database that several machines share.", show_default="a journal file")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Apply what the recipe says for a short look.")] = False,
    runs: Annotated[str, typer.Option(help="The folder of all runs.")] = "runs",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print search.json on the last line of stdout.")] = False,
) -> None:
    """Search the ranges of a recipe for students that are good, fast and small at once; choose some of the best.

    Trials are trained shortly, and the hopeless end early. Ctrl-C keeps all; the same command goes on, also on another
    machine with the same --storage. Every chosen point gets a bundle and the recipe that makes it at full length.

    Example: edgekit search digits --trials 8 --jobs 2
    """
    from dataclasses import replace
    from pathlib import Path

    from edgekit import console, extras, hardware
    from edgekit.recipe.plan import needs
    from edgekit.search.asking import Asked, Plan

    asked = Asked(recipe, tuple(overrides or ()), quick, trials, jobs, storage)
    plan = Plan(asked)
    extras.need_all([*needs(plan.recipe), "optuna"])
    if jobs > (cores := int(hardware.usable_cores())):
        console.say(f"note: {jobs} workers share {cores} core{'s' if cores > 1 else ''}, and slow each other down")
    console.say(f"{plan.recipe.name}: loading PyTorch and the data")
    from edgekit.search import beginning, running

    beginning.build(plan)
    job = beginning.prepare(plan)
    folder = beginning.folder(plan, job, Path(runs))
    plan.asked = replace(asked, folder=str(folder))
    keys = ", ".join(each.key for each in plan.dimensions)
    console.say(f"{trials} trials over {keys}; folder: {folder}")
    if dry_run:
        if as_json:
            console.result({"search": str(folder), "trials": trials, "space": [each.key for each in plan.dimensions]})
        return
    try:
        found = running.conduct(plan, job)
    except KeyboardInterrupt:
        console.say(f'stopped; all trials are kept in "{folder}", and the same command goes on with them')
        raise SystemExit(_INTERRUPTED) from None
    _show(found, folder, as_json)


def _show(found: dict[str, Any], folder: Path, as_json: bool) -> None:
    from edgekit import console
    from edgekit.commands import search_table
    from edgekit.errors import TargetMissed
    from edgekit.reporting import search_page

    search_page.write(folder)
    if as_json:
        console.result(found)
    else:
        search_table.show(found, folder)
    if not found["chosen"]:
        raise TargetMissed("no trial came to its end within the limits", f'the page in "{folder}" says why of each')
