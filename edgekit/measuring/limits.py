"""How near its limits each cell of a sweep runs: first what the machine can do, then what each model has to do.

Only for ONNX files: of other subjects nobody knows what they do. Only on the cpu, whose limits are measured; elsewhere
there is the time by node alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from edgekit import hardware, locks
from edgekit.errors import EdgekitError
from edgekit.latency.notes import Note
from edgekit.measuring import ceilings, profile, roofline
from edgekit.measuring.cells import Cell
from edgekit.measuring.journal import Journal

SECONDS = 1.0  # what is looked at for each cell takes, about


def expected(cells: Sequence[Cell], wanted: bool, profiled: bool, fresh: bool) -> float:
    """Return how many seconds `find` takes, about; where limits are not `wanted`, and nothing is profiled, none."""
    threads = {_usable(cell.threads) for cell in cells if _near(cell)}
    new = sum(fresh or not ceilings.is_kept(each) for each in threads)
    looked = sum(cell.subject.kind == "onnx" for cell in cells) if profiled else 0
    return new * ceilings.SECONDS * (wanted or profiled) + looked * SECONDS


def find(cells: Sequence[Cell], journal: Journal, *, profiled: bool, fresh: bool, tell: Callable[[str], None]) -> None:
    """Add to the journal what it lacks: the ceilings for each number of threads, and the work or profile of each cell.

    `fresh` measures ceilings anew that were kept.
    """
    machine = _found(journal, "ceilings")
    for threads in sorted({cell.threads for cell in cells if _near(cell)}):
        if str(threads) not in machine:
            tell("limits of the machine")
            with _quiet("cpu"):
                machine[str(threads)] = ceilings.known(_usable(threads), fresh=fresh)
            journal.add(ceilings=str(threads), found=machine[str(threads)])
    known = _found(journal, "limits")
    for cell in cells:
        if cell.label not in known and cell.subject.kind == "onnx" and (profiled or _near(cell)):
            tell("time by node" if profiled else "work")
            with _quiet(cell.device):
                journal.add(limits=cell.label, found=_looked_at(cell, profiled, machine))


def told(journal: Journal) -> dict[str, Any] | None:
    """Return the ceilings that were found, by the number of threads; None where none were looked for."""
    return _found(journal, "ceilings") or None


def entry(journal: Journal, cell: Cell, p50_us: float) -> dict[str, Any]:
    """Return what an `Entry` says of a cell: its "ceiling" and "profile"."""
    found = _found(journal, "limits").get(cell.label, {})
    machine = _found(journal, "ceilings").get(str(cell.threads))
    ceiling = None
    if machine and found.get("work") and _near(cell):
        work = roofline.Work(**found["work"])
        ceiling = {**roofline.share(work, p50_us, machine), "macs": work.macs, "bytes": work.bytes}
    return {"ceiling": ceiling, "profile": found.get("profile")}


def notes(journal: Journal) -> Iterator[Note]:
    """Tell what could not be looked at."""
    for label, found in _found(journal, "limits").items():
        if "error" in found:
            yield Note.of("failed", f'"{label}" could not be profiled: {found["error"]}')


def _usable(threads: int) -> int:
    """Return how many of the threads run at once: more of them raise no limit."""
    return max(1, min(threads, int(hardware.usable_cores())))


def _near(cell: Cell) -> bool:
    return cell.subject.kind == "onnx" and bool(cell.subject.files) and cell.device == "cpu"


def _looked_at(cell: Cell, profiled: bool, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Run a cell's model with the profiler: {"work", "profile"}, or {"error"}."""
    path, at = cell.subject.files[0], machine.get(str(cell.threads)) if cell.device == "cpu" else None
    try:
        if not profiled:
            return {"work": asdict(profile.work(path, cell.feeds, threads=cell.threads))}
        found = profile.profile(path, cell.feeds, device=cell.device, threads=cell.threads, ceilings=at)
    except EdgekitError as error:
        return {"error": str(error)}
    return {"work": found["work"], "profile": found}


def _found(journal: Journal, key: str) -> dict[str, Any]:
    return {line[key]: line["found"] for line in journal.lines if key in line}


@contextlib.contextmanager
def _quiet(device: str) -> Iterator[None]:
    """Have a device alone."""
    lock = locks.Device(device)
    try:
        with lock.quiet():
            yield
    finally:
        lock.close()
