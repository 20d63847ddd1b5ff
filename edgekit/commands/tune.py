"""edgekit tune: find the fastest session settings of a bundle on this machine. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping


def command(
    bundle: Annotated[str, typer.Argument(help="A bundle, or a run's folder.")],
    device: Annotated[str, typer.Option(help="What to tune for: the cpu alone, so far.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="For edgekit.load(threads=N); else their number is searched too.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples in a request.")] = 1,
    shape: Annotated[
        list[str] | None, typer.Option(help="An input's sizes where they cannot be known, as tokens=1,128.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="Time for the search.")] = 60.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Open the bundle, and say what would be tried.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Find the session settings a bundle is fastest with on this machine.

    Threads, spinning, execution mode, optimization, layout, arena and memory pattern are tried in turn, one
    request after the other; then how many rows a Batcher joins. A setting is kept only where it is clearly
    faster than the default on fresh sessions; edgekit.load uses it here, and says so.

    Example: edgekit tune runs/digits/1a2b3c4d --seconds 60
    """
    from edgekit import console
    from edgekit.commands.finding import model_path
    from edgekit.measuring.tuning import Tuning

    tuning = Tuning(model_path(bundle), device=device, threads=threads, batch=batch, shapes=shape or ())
    if dry_run:
        tried = [str(setting) for setting in tuning.tried]
        if as_json:
            console.result({"changes": tried, "file": str(tuning.path)})
        else:
            console.answer(f"would try {'; '.join(tried)}; and write {tuning.path}")
        return
    console.say(f"tuning {tuning.name} at batch {batch} for {console.duration(seconds)}")
    try:
        with console.bar("tune", round(seconds * 1000)) as bar:
            told = tuning.run(seconds, lambda gone: bar.update(min(round(gone * 1000), bar.total)))
    except KeyboardInterrupt:
        console.say("nothing is written: what was found before stays as it is")
        raise
    tuning.write(told)
    if as_json:
        console.result({"file": str(tuning.path), **told})
        return
    print_result(told)
    console.answer(f"written: {tuning.path}")


def print_result(told: Mapping[str, Any]) -> None:
    """Print what was tried, each against the default, and what is kept."""
    from edgekit import console
    from edgekit.reporting import wording
    from edgekit.reporting.figures import Ratio

    def speed(row: Mapping[str, Any]) -> str:
        return wording.speedup(Ratio(ratio=row["ratio"], low=row["low"], high=row["high"]))

    rows = [[row["step"], row["setting"], speed(row), row["verdict"]] for row in told["trials"]]
    console.table(["tried", "setting", "over the default", ""], rows, left=2)
    if told["setting"] == "the default":
        console.answer("the default is best here: nothing was clearly faster on fresh sessions")
    else:
        console.answer(f"kept: {told['setting']}, {speed(told['speedup'])} the speed of the default")
    if told["max_batch"]:
        rate = speed(told["max_batch_speedup"])
        console.answer(f"kept: a Batcher joins up to {told['max_batch']} rows, {rate} the speed of its usual number")
    for note in told["notes"]:
        console.answer(f"note: {note['text']}: {note['advice']}")
