"""edgekit clean: show and remove old runs and caches."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    runs: Annotated[str, typer.Option(help="The folder of all runs.")] = "runs",
    keep: Annotated[int, typer.Option(min=0, help="How many of the newest runs of each recipe to keep.")] = 1,
    caches: Annotated[bool, typer.Option("--caches", help="Also remove the teachers' kept answers.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only shown.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Show old runs and caches with their sizes, and remove them with --yes. Runs at work are left alone.

    Example: edgekit clean --keep 1 --yes
    """
    import shutil
    from pathlib import Path

    from edgekit import console, files, locks

    found: list[dict[str, object]] = []
    for recipe in sorted(path for path in Path(runs).glob("*") if path.is_dir()):
        by_age = sorted(recipe.glob("*/run.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        unfinished = [path for path in recipe.iterdir() if path.is_dir() and not (path / "run.json").exists()]
        found += [_entry(path.parent, "old run") for path in by_age[keep:]]
        found += [_entry(path, "run without a record") for path in unfinished]
    if caches and (files.home() / "teachers").is_dir():
        found += [_entry(path, "teacher's answers") for path in sorted((files.home() / "teachers").iterdir())]
    for entry in found:
        path = Path(str(entry["path"]))
        entry["removed"] = yes and not locks.held(path / ".lock")
        if entry["removed"]:
            shutil.rmtree(path)
    if as_json:
        console.result(found)
        return
    if not found:
        console.answer("nothing to remove")
        return
    console.table(
        ["what", "where", "size", ""],
        [
            [str(e["what"]), str(e["path"]), console.size(float(str(e["bytes"]))), "removed" if e["removed"] else ""]
            for e in found
        ],
        left=2,
    )
    if not yes:
        console.answer("nothing was removed; --yes removes them")


def _entry(path: object, what: str) -> dict[str, object]:
    from pathlib import Path

    folder = Path(str(path))
    return {"what": what, "path": str(path), "bytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())}
