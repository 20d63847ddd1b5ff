"""What distill and train share: from a recipe's name to the table, the bundle and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit import console, extras, files, processes
from edgekit.errors import TargetMissed, UsageError

_INTERRUPTED = 130  # as shells have it for a command ended by Ctrl-C


def run_recipe(
    name: str,
    overrides: list[str],
    quick: bool,
    keep_anyway: bool,
    until: str | None,
    runs: str,
    dry_run: bool,
    as_json: bool,
    teacher_alone: bool,
) -> None:
    """Run a recipe and show what came of it. Raises TargetMissed, with everything written, where targets were missed.

    Ctrl-C ends it with exit code 130, once it has said that the run is kept.
    """
    from edgekit.recipe.loading import load
    from edgekit.recipe.plan import needs

    loaded = load(name, [*overrides, *(["budget.keep_anyway=true"] if keep_anyway else [])], quick)
    extras.need_all(needs(loaded.recipe))  # hours later it would be too late
    console.say(f"{loaded.recipe.name}: loading PyTorch and the data")
    from edgekit.workflow import preparing, rehearsal, running

    job = preparing.prepare(loaded)
    if teacher_alone:
        job = preparing.teacher_only(job)
    rehearsal.rehearse(job)
    steps = [step.name for step in running.plan(job)]
    if until and until not in steps:
        raise UsageError(f'there is no stage "{until}" to stop after', f"one of {', '.join(steps)}")
    steps = [step.name for step in running.plan(job, until)]
    folder = preparing.run_folder(job, Path(runs))
    counts = ", ".join(f"{job.data[split]} {split}" for split in ("train", "validation", "test"))
    console.say(f"{job.data['source']}: {counts}; stages: {', '.join(steps)}; run folder: {folder}")
    if dry_run:
        if as_json and processes.own().leads:
            console.result({"run": str(folder), "stages": steps})
        return
    try:
        record = running.run(job, folder, until)
        if processes.own().leads:
            _show(record, folder, as_json, teacher_alone)
    except KeyboardInterrupt:
        console.say(f'stopped; the run is kept in "{folder}", and the same command goes on with it')
        raise SystemExit(_INTERRUPTED) from None


def _show(run: dict[str, Any], folder: Path, as_json: bool, with_weights: bool) -> None:
    """Write the report, print the table or the JSON, and end as the targets say."""
    from edgekit.reporting import page, summary

    run["report"] = page.FILE
    files.write_json(folder / "run.json", run)
    page.write(folder)
    if as_json:
        console.result(run)
    else:
        columns, rows = summary.console_table(run)
        console.table(columns, rows)
        for line in summary.closing_lines(run, folder):
            console.answer(line)
        if with_weights:
            console.answer(f"weights: {folder / run['kept'] / 'weights.safetensors'}")
    missed = [target["name"] for target in run["targets"] if not target["met"]]
    if missed:
        raise TargetMissed(
            f"the recipe's targets were missed: {', '.join(missed)}", f'everything was written to "{folder}"'
        )
