"""`edgekit report`: the page of a run or of a search, made anew, and its picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pathlib import Path


def command(
    run: Annotated[str, typer.Argument(help="The folder of a run or a search, or a recipe's name for its newest run.")],
    png: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Also draw accuracy against latency as a picture."),
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also print what each compression did to each layer.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")] = False,
) -> None:
    """Make the page of a run, or of a search, anew, from what its folder says.

    What is unfinished gets a page too: it says what is still to come.

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
    if finding.is_search(folder):
        _of_search(folder, png, layers, json)
        return
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


def _of_search(folder: Path, png: str | None, layers: bool, json: bool) -> None:
    from pathlib import Path

    from edgekit import console
    from edgekit.errors import UsageError
    from edgekit.extras import need
    from edgekit.reporting import search_page, search_record

    if layers:
        raise UsageError(f'"{folder}" is a search: it has no layers of its own', "name the folder of one of its trials")
    written = search_page.write(folder)
    search = search_record.read(folder)
    if png:
        need("matplotlib", "drawing a picture")
        from edgekit.reporting import search_plots

        search_plots.write_png(search, Path(png))
    if json:
        chosen = [point.model_dump() for point in search.chosen]
        said = {"report": str(written), "png": png, "status": search.status, "front": search.front, "chosen": chosen}
        console.result(said)
        return
    if search.status != "finished":
        console.say(f"{search.id} is {search.status}; {len(search.trials)} of {search.trials_asked} trials were begun")
    console.answer(f"report: {written}")
    if png:
        console.answer(f"picture: {png}")
