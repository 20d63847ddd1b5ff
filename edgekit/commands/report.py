"""`edgekit report`: the page of a run, made anew, and its picture."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def command(
    run: Annotated[str, typer.Argument(help="A run's folder, or a recipe's name for its newest run under runs/.")],
    png: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Also draw accuracy against latency as a picture."),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also print what each compression did to each layer.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")] = False,
) -> None:
    """Make the page of a run anew, from what its folder says.

    An unfinished run gets a page too: it says what is still to come.

    Example: edgekit report digits --png digits.png
    """
    from pathlib import Path

    from edgekit import console
    from edgekit.errors import UsageError
    from edgekit.extras import need

    if png and Path(png).suffix.lower() != ".png":
        raise UsageError(f'the picture is a PNG, but "{png}" is named otherwise', "name it FILE.png")
    need("pydantic", "reading a run")
    from edgekit.reporting import finding, page, record
    from edgekit.reporting import layers as by_layer

    folder = finding.find(run)
    written = page.write(folder)
    if png:
        need("matplotlib", "drawing a picture")
        from edgekit.reporting import plots

        plots.write_png(folder, Path(png))
    read = record.read(folder)
    steps = by_layer.steps(read) if layers else []
    if json:
        said: dict[str, Any] = {
            "report": str(written),
            "png": png,
            "status": read.status,
            "missing": read.missing,
            "kept": read.kept,
        }
        console.result(said | ({"layers": by_layer.to_dict(steps)} if layers else {}))
        return
    if not read.finished:
        waiting = ", ".join(read.missing) or "its end"
        console.say(f"run {read.id} is unfinished; still to come: {waiting}")
    for step in steps:
        title, columns, rows = by_layer.table(step)
        console.table(columns, rows, title)
        for note in by_layer.notes(step):
            console.answer(f"note: {note}")
    if layers and not steps:
        console.answer("no step of this run pruned or quantized a model, or none was timed by layer")
    console.answer(f"report: {written}")
    if png:
        console.answer(f"picture: {png}")
