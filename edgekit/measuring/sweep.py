"""Cells timed side by side, sitting by sitting, each on disk before the next begins; in the end one record.

A sweep that was killed goes on from its journal. What fails midway is left out from there on, and what was measured of
it is kept.
"""

from __future__ import annotations

import datetime
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgekit import __version__, hardware, locks
from edgekit.latency.conditions import Watch
from edgekit.latency.copies import Opener
from edgekit.latency.notes import Note
from edgekit.latency.record import Record
from edgekit.latency.sampling import interleave
from edgekit.measuring import limits, recording, sittings, spinning
from edgekit.measuring.cells import Cell
from edgekit.measuring.costs import costs
from edgekit.measuring.journal import Journal, beside

MIN_SAMPLES = 64
_MIN_ROUNDS = 20
_COST_SECONDS = 0.6  # what finding a model's costs takes, about
_FEW = 5  # copies of what does not count its memory with the processor's
_SPARE = 30_000_000  # bytes that a session takes beside twice its file, where its costs are not known

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Sweep:
    """Cells to be timed for `seconds` together into the record at `path`.

    `notes`: what is known before, of settings that do not run. `beside_times`: whether load times, memory and energy
    are found, too; `limits`: how near its limits each runs, and `profiled`: its time by node, with `fresh` ceilings or
    those that are kept. `request`: what a person asked, for whoever goes on. `clock`: nanoseconds. `rest`: waits until
    idle threads have stopped spinning.
    """

    cells: Sequence[Cell]
    path: Path
    seconds: float
    notes: Sequence[Note] = ()
    beside_times: bool = True
    seed: int = 0
    request: Mapping[str, Any] = field(default_factory=dict)
    limits: bool = False
    profiled: bool = False
    fresh: bool = False
    clock: Callable[[], int] = time.perf_counter_ns
    rest: Callable[[], object] = spinning.rest

    def expected(self) -> float:
        """Return how many seconds it takes, about: slow models, and waits for threads, take longer than asked."""
        least = MIN_SAMPLES * sum(cell.trial for cell in self.cells)
        if any(cell.threads > 1 for cell in self.cells):
            least += _MIN_ROUNDS * len(self.cells) * spinning.SECONDS
        files = sum(cell.subject.path is not None for cell in self.cells)
        beside = limits.expected(self.cells, self.limits, self.profiled, self.fresh)
        return max(self.seconds, least) + _COST_SECONDS * files * self.beside_times + beside

    def measure(self, tell: Tell = lambda seconds, note: None) -> Record:
        """Measure what the journal does not have yet, and write the record; `tell` hears of the seconds left."""
        journal = self._journal()
        self._find_costs(journal, tell)
        if self.limits or self.profiled:
            left = functools.partial(tell, self.seconds)
            limits.find(self.cells, journal, profiled=self.profiled, fresh=self.fresh, tell=left)
        plan = self._plan(journal)
        done = {line["sitting"] for line in journal.lines if "sitting" in line}
        visits = sum(self.cells[-1].label in sitting.members for sitting in plan)
        for number, sitting in enumerate(plan):
            if number not in done:
                after = sum(other.seconds for other in plan[number + 1 :])
                note = f"part {number + 1} of {len(plan)}" if len(plan) > 1 else ""
                self._sit(journal, number, sitting, visits, functools.partial(_told, tell, after, note))
        settings = {"seconds": self.seconds, "min_samples": MIN_SAMPLES, "seed": self.seed}
        record = recording.record(self.cells, journal, settings, self.notes)
        record.write(self.path)
        journal.remove()
        return record

    def _journal(self) -> Journal:
        """Open the journal that lies beside the record, or begin one."""
        wheels = [*hardware.onnxruntime_wheels(), "numpy"]
        if any(cell.subject.kind == "torch" for cell in self.cells):
            wheels.append("torch")
        head = {
            "models": {cell.subject.name: cell.subject.sha256 for cell in self.cells},
            "settings": {cell.label: [*cell.setting, cell.inputs()] for cell in self.cells}
            | {"seconds": self.seconds, "costs": self.beside_times, "seed": self.seed},
            "versions": {"edgekit": __version__, **hardware.versions(wheels)},
            "machine": hardware.machine(),
        }
        if found := Journal.opened(beside(self.path)):
            found.check(head)
            return found
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Journal.begun(beside(self.path), {"created": created, "request": dict(self.request), **head})

    def _find_costs(self, journal: Journal, tell: Tell) -> None:
        known = {line["costs"] for line in journal.lines if "costs" in line}
        wanted = [cell for cell in self.cells if cell.subject.path and cell.label not in known and self.beside_times]
        for number, cell in enumerate(wanted):
            assert cell.subject.path
            tell(self.seconds + _COST_SECONDS * (len(wanted) - number), "loading and memory")
            found = costs(cell.subject.path, cell.subject.files, cell.feeds, cell.device, cell.threads)
            journal.add(costs=cell.label, found=found)

    def _plan(self, journal: Journal) -> list[sittings.Sitting]:
        """Return the plan the sweep was begun with, or make one."""
        for line in journal.lines:
            if "plan" in line:
                return [sittings.Sitting(*each) for each in line["plan"]]
        found = {line["costs"]: line["found"] for line in journal.lines if "costs" in line}
        sizes = {}
        for cell in self.cells:
            guess = 2 * (cell.subject.bytes or 0) + _SPARE
            sizes[cell.label] = found.get(cell.label, {}).get("peak_bytes") or guess
        plan = sittings.plan(sizes, self.seconds, hardware.free_memory(), self.seed)
        journal.add(plan=plan)
        return plan

    def _sit(
        self, journal: Journal, number: int, sitting: sittings.Sitting, visits: int, told: Callable[[float], None]
    ) -> None:
        """Time the members of one sitting, of which each cell has so many `visits`, and add what was found."""
        gone = {name for line in journal.lines for name in line.get("lost", ())}
        members = [cell for cell in self.cells if cell.label in sitting.members and cell.label not in gone]
        lost: dict[str, list[str]] = {}

        def lose(name: str, error: Exception) -> None:
            device = next(cell.device for cell in members if cell.label == name)
            kind = "failed" if device in ("cpu", "own") else "device-lost"
            lost[name] = [kind, f'"{name}": {" ".join(str(error).split())[:300] or type(error).__name__}']

        with ExitStack() as stack:
            for device in sorted({"cpu", *(cell.device for cell in members)} - {"own"}):
                lock = locks.Device(device)
                stack.callback(lock.close)
                stack.enter_context(lock.quiet())
            watch = stack.enter_context(Watch(told))
            taken = interleave(
                {cell.label: _opener(cell) for cell in members},
                seconds=sitting.seconds,
                min_samples=-(-MIN_SAMPLES // visits),
                min_rounds=-(-_MIN_ROUNDS // visits),
                seed=self.seed + number,
                clock=self.clock,
                progress=watch,
                lost=lose,
                rest=self.rest if any(cell.threads > 1 for cell in members) else None,
            )
        times = {name: samples.to_dict() for name, samples in taken.items()}
        journal.add(sitting=number, seen=vars(watch.seen()), lost=lost, times=times)


def _told(tell: Tell, after: float, note: str, left: float) -> None:
    tell(left + after, note)


def _opener(cell: Cell) -> Opener:
    if cell.subject.own:
        return Opener(cell.copy, most=1)
    return Opener(cell.copy) if cell.device == "cpu" else Opener(cell.copy, most=_FEW)
