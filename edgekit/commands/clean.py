"""edgekit clean: show and remove old runs, searches and caches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What the folder is called, and the record in it.
_KINDS = {"run": ("[0-9a-f]{8}", "run.json"), "search": ("search-[0-9a-f]{8}", "search.json")}


def command(
    runs: Annotated[str, typer.Option(help="The folder of all runs.")] = "runs",
    keep: Annotated[
        int, typer.Option(min=0, help="How many of each recipe's newest runs and searches to keep, done or not.")
    ] = 1,
    caches: Annotated[
        bool, typer.Option("--caches", help="Also teachers' answers, TensorRT's engines, tuned settings, limits.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only shown.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Show old runs, searches and caches with their sizes, and remove them with --yes.

    What is at work, links, and all other folders are left alone.

    Example: edgekit clean --keep 1 --yes
    """
    from pathlib import Path

    from edgekit import console, files, locks

    found = [*_old_runs(Path(runs), keep)]
    if caches:
        kept = {"teachers": "teacher's answers", "engines": "TensorRT's engines", "tuned": "tuned settings"}
        for name, what in kept.items():
            found += [_entry(folder, what) for folder in _folders(files.home() / name)]
        limits = files.home() / "ceilings"
        found += [_entry(limits, "limits of the machine")] if limits.is_dir() else []
    for entry in found:
        folder = Path(entry["path"])
        with files.disk_errors(folder):
            entry["at_work"] = locks.held(folder / ".lock")
            entry["removed"] = yes and not entry["at_work"]
            if entry["removed"]:
                _remove(folder)
    if as_json:
        console.result(found)
        return
    if not found:
        console.answer("nothing to remove")
        return
    console.table(
        ["what", "where", "size", ""],
        [[entry["what"], entry["path"], console.size(entry["bytes"]), _fate(entry)] for entry in found],
        left=2,
    )
    if not yes:
        room = sum(entry["bytes"] for entry in found if not entry["at_work"])
        console.answer(f"nothing was removed; --yes removes {console.size(room)}")


def _old_runs(runs: Path, keep: int) -> Iterator[dict[str, Any]]:
    """Yield each recipe's runs and searches, but for the newest `keep` of the finished and of the unfinished each."""
    for recipe in _folders(runs):
        for what, (name, record) in _KINDS.items():
            found = [folder for folder in _folders(recipe) if _is(folder, name)]
            by_age = sorted(found, key=lambda folder: _written(folder, record), reverse=True)
            finished = [folder for folder in by_age if _is_finished(folder / record)]
            spared = {*finished[:keep], *[folder for folder in by_age if folder not in finished][:keep]}
            for folder in by_age:
                if folder not in spared:
                    yield _entry(folder, f"{'old' if folder in finished else 'unfinished'} {what}")


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_dir() and not path.is_symlink())


def _is(folder: Path, name: str) -> bool:
    """Tell a run's or a search's folder from any other: its name has a hash, and it holds what is written first."""
    import re

    return bool(re.fullmatch(name, folder.name)) and (folder / ".lock").is_file()


def _is_finished(record: Path) -> bool:
    from edgekit import files

    said = files.read_json(record)
    return isinstance(said, dict) and said.get("status") == "finished"


def _written(folder: Path, record: str) -> float:
    return max(path.stat().st_mtime for path in (folder / ".lock", folder / record) if path.exists())


def _entry(folder: Path, what: str) -> dict[str, Any]:
    import contextlib

    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # a run at work takes files away again
            size += path.lstat().st_size if path.is_file() else 0
    return {"what": what, "path": str(folder), "bytes": size}


def _fate(entry: dict[str, Any]) -> str:
    return "at work: left alone" if entry["at_work"] else "removed" if entry["removed"] else ""


def _remove(folder: Path) -> None:
    """Remove a folder, what it is known by last, so that what an interruption leaves is still known."""
    import contextlib
    import shutil

    for inside in _folders(folder):
        shutil.rmtree(inside)
    shutil.rmtree(folder)
    with contextlib.suppress(OSError):  # others are beside it
        folder.parent.rmdir()
