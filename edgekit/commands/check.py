"""edgekit check: is a recipe valid, what will it do, what does it need. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from edgekit.recipe.loading import Loaded
    from edgekit.recipe.plan import Estimate


def command(
    recipe: Annotated[str | None, typer.Argument(help="A shipped recipe's name, or the path of your own.")] = None,
    overrides: Annotated[list[str] | None, typer.Argument(help="Changes such as stages.prune.ratio=0.5.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="With what the recipe says under quick.")] = False,
    data: Annotated[bool, typer.Option("--data", help="Load its data too, and say what is in it.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of recipes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the last line of stdout.")] = False,
) -> None:
    """Validate a recipe and say what it will do, how long that takes and what must be installed. Loads no PyTorch.

    Example: edgekit check digits stages.prune.ratio=0.5 --data
    """
    from pathlib import Path

    from edgekit import console
    from edgekit.commands import data_table
    from edgekit.errors import RecipeError, UsageError
    from edgekit.extras import missing, need_all
    from edgekit.recipe import finding
    from edgekit.recipe.json_schema import describe
    from edgekit.recipe.loading import load
    from edgekit.recipe.plan import estimate, needs, steps

    if schema:
        _print_schema(describe(), as_json)
        return
    if recipe is None:
        raise UsageError("no recipe was named", "edgekit list shows them")
    changes = overrides or []
    try:
        loaded = load(recipe, changes, quick)
    except RecipeError as error:
        if as_json:
            faults = [{"place": place, "complaint": said} for place, said in error.faults]
            console.result({"recipe": recipe, "valid": False, "error": str(error), "faults": faults})
        raise
    runs = Path("runs") / loaded.recipe.name
    guess = estimate(loaded.recipe, runs, bool(changes) or quick)
    absent = missing(needs(loaded.recipe))
    summary = _summary(loaded) if data else None
    if as_json:
        console.result(
            {
                "recipe": loaded.recipe.name,
                "path": str(loaded.path),
                "valid": True,
                "steps": [step._asdict() for step in steps(loaded.recipe)],
                "writes": str(runs),
                "estimate": guess._asdict() if guess else None,
                "missing": absent,
                **({"data": summary} if summary else {}),
            }
        )
    else:
        _print_plan(loaded, finding.shown(loaded.path), runs.as_posix(), guess)
        if summary:
            data_table.show(summary)
            told_of = loaded.recipe.data
            if told_of.columns.group and told_of.split.by != "group":
                told = f'examples of one "{told_of.columns.group}" may fall into several splits'
                console.answer(f"{told}; data.split.by: group keeps them together")
    need_all(absent)


def _summary(loaded: Loaded) -> dict[str, Any]:
    """Load the recipe's data, and sum it up."""
    from edgekit import tasks
    from edgekit.data.loading import load
    from edgekit.data.summary import summarise

    data, kind = loaded.recipe.data, tasks.get(loaded.recipe.task).targets
    limit = data.text.length if data.text else None
    return summarise(load(data, loaded.folder, data.seed, kind), kind, limit)


def _print_schema(schema: dict[str, Any], one_line: bool) -> None:
    import json

    from edgekit import console

    if one_line:
        console.result(schema)
    else:
        console.answer(json.dumps(schema, indent=2, ensure_ascii=False))


def _print_plan(loaded: Loaded, shown: str, runs: str, guess: Estimate | None) -> None:
    from edgekit import console
    from edgekit.recipe.plan import steps

    recipe = loaded.recipe
    rows = [[step.id, "" if step.epochs is None else str(step.epochs), step.what] for step in steps(recipe)]
    console.answer(f"{shown} is valid")
    console.table(["step", "epochs", "what"], rows, left=3)
    console.answer(f"data:    {recipe.data.source}, seed {recipe.seed}")
    console.answer(f"export:  {recipe.export.input} -> {recipe.output}")
    console.answer(f"measure: {recipe.measure.device}, threads {recipe.measure.threads}, batch {recipe.measure.batch}")
    console.answer(f"writes:  {runs}/<id>/ with run.json, a folder for each step, bundle/ and report.html")
    if guess:
        console.answer(
            f"takes:   about {console.duration(guess.seconds)} and {console.size(guess.bytes)} ({guess.basis})"
        )
    else:
        console.answer("takes:   not known before a first run")
