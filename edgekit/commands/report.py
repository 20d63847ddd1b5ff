"""`edgekit report`: the page of a run, made anew, and its picture."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    run: Annotated[str, typer.Argument(help="A run's folder, or a recipe's name for its newest run under runs/.")],
    png: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Also draw accuracy against latency as a picture."),
    ] = None,
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

    folder = finding.find(run)
    written = page.write(folder)
    if png:
        need("matplotlib", "drawing a picture")
        from edgekit.reporting import plots

        plots.write_png(folder, Path(png))
    read = record.read(folder)
    if json:
        said = {"report": str(written), "png": png, "status": read.status, "missing": read.missing, "kept": read.kept}
        console.result(said)
        return
    if not read.finished:
        waiting = ", ".join(read.missing) or "its end"
        console.say(f"run {read.id} is unfinished; still to come: {waiting}")
    console.answer(f"report: {written}")
    if png:
        console.answer(f"picture: {png}")
