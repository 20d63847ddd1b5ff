"""edgekit clean: show and remove old runs and caches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def command(
    runs: Annotated[str, typer.Option(help="The folder of all runs.")] = "runs",
    keep: Annotated[
        int, typer.Option(min=0, help="How many of each recipe's newest runs to keep, finished and unfinished each.")
    ] = 1,
    caches: Annotated[
        bool, typer.Option("--caches", help="Also teachers' answers, TensorRT's engines, tuned settings, limits.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only shown.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Show old runs and caches with their sizes, and remove them with --yes.

    Runs at work, links, and folders that are no runs are left alone.

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
    """Yield each recipe's runs, the newest first, but for the newest `keep` of the finished and of the unfinished."""
    for recipe in _folders(runs):
        by_age = sorted(filter(_is_run, _folders(recipe)), key=_written, reverse=True)
        finished = [run for run in by_age if _is_finished(run)]
        spared = {*finished[:keep], *[run for run in by_age if run not in finished][:keep]}
        for run in by_age:
            if run not in spared:
                yield _entry(run, "old run" if run in finished else "unfinished run")


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_dir() and not path.is_symlink())


def _is_run(folder: Path) -> bool:
    """Tell a run's folder from any other: it is named by a hash, and holds what a run writes first."""
    import re

    return bool(re.fullmatch("[0-9a-f]{8}", folder.name)) and (folder / ".lock").is_file()


def _is_finished(run: Path) -> bool:
    from edgekit import files

    record = files.read_json(run / "run.json")
    return isinstance(record, dict) and record.get("status") == "finished"


def _written(run: Path) -> float:
    return max(path.stat().st_mtime for path in (run / ".lock", run / "run.json") if path.exists())


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
    """Remove a folder, what marks it as a run last, so that what an interruption leaves is still known as one."""
    import contextlib
    import shutil

    for inside in _folders(folder):
        shutil.rmtree(inside)
    shutil.rmtree(folder)
    with contextlib.suppress(OSError):  # others are beside it
        folder.parent.rmdir()
