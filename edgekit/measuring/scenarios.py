"""Models under the scenarios multi-stream, server and offline, through their plain session or through a Batcher.

Through the session, queries of the scenario "server" are answered by as many threads as there are cores for.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import __version__, hardware, locks
from edgekit.errors import UsageError
from edgekit.latency.conditions import Watch
from edgekit.latency.copies import Opener
from edgekit.latency.doubts import about_machine
from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave
from edgekit.latency.scenarios import offline, server
from edgekit.measuring import recording
from edgekit.measuring.cells import Cell
from edgekit.measuring.serving import Joined, Pool, Serves, queries
from edgekit.measuring.spinning import rest_after
from edgekit.measuring.subjects import Call
from edgekit.measuring.waiting import punctual, wait_until
from edgekit.runtime.batcher import MAX_BATCH
from edgekit.runtime.bundle import load
from edgekit.signature import Tensor

SCENARIOS = ("single-stream", "multi-stream", "server", "offline")
_TRIALS = 15  # rates that a search tries, about
_LATE = 0.1  # the part of the bound by which a query may be issued late
_SESSION = "measure it through its session: --through session"
_BURST = 4  # batches that wait at once where a Batcher is measured offline

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Scenario:
    """Cells to be measured under one scenario for `seconds` together, into the record at `path`.

    `through`: "session" or "batcher". `bound_ms`: what the 99th percentile of "server" must keep. A cell's batch is how
    many samples a query has; offline, batches are searched.
    """

    cells: Sequence[Cell]
    path: Path
    scenario: str
    seconds: float
    through: str = "session"
    bound_ms: float | None = None
    notes: Sequence[Note] = ()
    seed: int = 0

    def expected(self) -> float:
        """Return how many seconds it takes, about: slow models take longer under multi-stream than they were given."""
        if self.scenario != "multi-stream":
            return self.seconds
        return max(self.seconds, server.FEWEST * sum(cell.trial for cell in self.cells))

    def measure(self, tell: Tell = lambda seconds, note: None) -> Record:
        """Measure, and write the record; `tell` hears of seconds left, and of what."""
        measure = {"multi-stream": self._multi_stream, "server": self._server, "offline": self._offline}[self.scenario]
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with ExitStack() as stack:
            for device in sorted({"cpu", *(cell.device for cell in self.cells)} - {"own"}):
                lock = stack.enter_context(closing(locks.Device(device)))
                stack.enter_context(lock.quiet())
            with Watch() as watch:
                entries = measure(tell, watch)
        settings = {"scenario": self.scenario, "through": self.through, "seconds": self.seconds, "seed": self.seed}
        threads = max(cell.threads for cell in self.cells)
        record = Record(
            created=created,
            machine=hardware.machine(),
            versions={"edgekit": __version__, **hardware.versions([*hardware.onnxruntime_wheels(), "numpy"])},
            settings=settings | ({"p99_bound_ms": self.bound_ms} if self.bound_ms else {}),
            models=entries,
            notes=[*self.notes, *about_machine(watch.seen(), threads)],
        )
        record.write(self.path)
        return record

    def _multi_stream(self, tell: Tell, watch: Watch) -> list[Entry]:
        def opener(cell: Cell) -> Opener:
            if self.through == "session":
                return Opener(cell.copy, most=1 if cell.threads > 1 or cell.subject.own else 64)
            return Opener(lambda: queries(_joined(cell, _rows(cell, 1))(MAX_BATCH), cell.batch), most=1)

        def progress(left: float) -> None:
            watch(left)
            tell(left, "")

        taken = interleave(
            {cell.label: opener(cell) for cell in self.cells},
            seconds=self.seconds,
            min_samples=server.FEWEST,
            seed=self.seed,
            progress=progress,
            rest=rest_after(max(cell.threads for cell in self.cells)),
        )
        return [self._entry(cell, taken[cell.label]) for cell in self.cells]

    def _server(self, tell: Tell, watch: Watch) -> list[Entry]:
        assert self.bound_ms
        return [self._served(cell, number, tell, watch) for number, cell in enumerate(self.cells)]

    def _served(self, cell: Cell, number: int, tell: Tell, watch: Watch) -> Entry:
        """Search the highest rate of one model, in its share of the time."""
        bound_ns = round((self.bound_ms or 0) * 1e6)
        share = self.seconds / len(self.cells)
        after = share * (len(self.cells) - 1 - number)
        system, workers = self._system(cell)
        with closing(system):
            first = 0.5e9 * workers / _typical(system)
            ends = time.perf_counter() + share
            least = server.queries(first, 0) / first
            if least * _TRIALS / 3 > share:
                raise UsageError(
                    f'{share:.3g} s are too few for "{cell.label}": at half of what it answers, {first:.0f} a second, '
                    f"the {server.FEWEST} queries that p99 needs take {least:.1f} s",
                    f"--seconds {math.ceil(least * _TRIALS * len(self.cells))}",
                )

            def offered(rate: float, trial: int) -> server.Offered:
                left = ends - time.perf_counter()
                watch(left)
                tell(max(left, 0.0) + after, f"{cell.label}: {rate:,.0f} a second")
                return server.offer(
                    system,
                    rate,
                    server.queries(rate, share / _TRIALS),
                    bound_ns,
                    seed=self.seed * 1000 + trial,
                    clock=time.perf_counter_ns,
                    wait_until=wait_until,
                )

            def in_time(rate: float) -> bool:
                return time.perf_counter() + server.queries(rate, share / _TRIALS) / rate < ends

            with punctual():
                found, tried = server.highest(offered, first, in_time)
        shown = found or min(tried, key=lambda each: each.rate)
        samples = Samples(cell.label, shown.latencies_ns, np.arange(len(shown.latencies_ns)) // 32)
        loads = [each.told() | {"chosen": each is found} for each in tried]
        return self._entry(cell, samples, loads, self._doubts(cell, found, tried))

    def _doubts(self, cell: Cell, found: server.Offered | None, tried: Sequence[server.Offered]) -> list[Note]:
        notes = []
        if found is None:
            slowest = min(each.rate for each in tried)
            told = f'"{cell.label}": no rate was seen to hold twice; the lowest tried is {slowest:,.1f} a second'
            notes.append(Note.of("few-samples", told))
        late = max((each.late_ns for each in tried if not each.held), default=0) / 1e6
        if late > _LATE * (self.bound_ms or 0):
            told = f'"{cell.label}": queries were issued up to {late:.1f} ms late, which counts as their latency'
            notes.append(Note.of("late-arrivals", told))
        return notes

    def _system(self, cell: Cell) -> tuple[Serves, int]:
        """Open what answers queries, and tell how many it answers at once."""
        if self.through == "batcher":
            return _joined(cell, cell.feeds)(MAX_BATCH), 1
        workers = max(1, int(hardware.usable_cores()) // max(cell.threads, 1))
        return Pool(cell.copy(), workers, time.perf_counter_ns), workers

    def _offline(self, tell: Tell, watch: Watch) -> list[Entry]:
        entries = []
        share = self.seconds / len(self.cells)
        for number, cell in enumerate(self.cells):
            after = share * (len(self.cells) - 1 - number)

            def progress(left: float, after: float = after, cell: Cell = cell) -> None:
                watch(left)
                tell(left + after, cell.label)

            joins = self.through == "batcher"
            first, most = (1, offline.MOST) if _grows(cell) else (cell.batch, cell.batch)
            found = offline.measure(
                _joined_at(cell) if joins else _session_at(cell),
                seconds=share,
                first=first,
                most=most,
                runs=_BURST if joins else 1,
                seed=self.seed,
                progress=progress,
            )
            best = offline.best(found)
            loads = [one.told() | {"chosen": one is best} for one in found]
            best.samples.name = cell.label
            fed = cell if joins else dataclasses.replace(cell, batch=best.batch, feeds=_rows(cell, best.batch))
            entries.append(self._entry(fed, best.samples, loads))
        return entries

    def _entry(
        self,
        cell: Cell,
        samples: Samples,
        loads: Sequence[dict[str, Any]] = (),
        notes: Sequence[Note] = (),
    ) -> Entry:
        return recording.entry(cell, samples, notes, scenario=self.scenario, loads=list(loads))


def _joined(cell: Cell, feeds: Mapping[str, Any]) -> Callable[[int], Joined]:
    """Open the model of a cell, and return what puts it behind a Batcher of so many rows; UsageError where none can."""
    if cell.subject.path is None:
        raise UsageError(f'"{cell.subject.name}" is no ONNX model, and a Batcher takes nothing else', _SESSION)
    model = load(cell.subject.path, device=cell.device, threads=cell.threads, verify=False, tuned=False)

    def behind(max_batch: int) -> Joined:
        try:
            return Joined(model, feeds, time.perf_counter_ns, max_batch)
        except UsageError as error:
            raise UsageError(f'"{cell.subject.name}": {error}', _SESSION) from None

    return behind


def _session_at(cell: Cell) -> Callable[[int], Call]:
    opened = cell.subject.open(cell.device, cell.threads)
    return lambda batch: opened.prepared(_rows(cell, batch))


def _joined_at(cell: Cell) -> Callable[[int], Call]:
    behind = _joined(cell, _rows(cell, 1))
    return lambda batch: queries(behind(batch), _BURST * batch)


def _rows(cell: Cell, rows: int) -> Mapping[str, Any]:
    """Return the cell's feeds with so many rows: its own, again from the top."""
    if rows == cell.batch:
        return cell.feeds
    take = np.arange(rows) % cell.batch
    return {name: array[take] if _batched(array, cell.batch) else array for name, array in cell.feeds.items()}


def _batched(array: Any, batch: int) -> bool:
    return bool(np.ndim(array)) and len(array) == batch


def _grows(cell: Cell) -> bool:
    """Say whether the model takes batches of any size."""
    inputs: Sequence[Tensor] = cell.subject.open(cell.device, cell.threads).inputs
    return bool(inputs) and all(tensor.shape and isinstance(tensor.shape[0], str) for tensor in inputs)


def _typical(system: Serves, calls: int = 20) -> float:
    """Return the median time of a query that waits for nobody, in ns, after some to warm up."""
    answered: list[int] = []
    began = []
    for _ in range(2 * calls):
        began.append(time.perf_counter_ns())
        system.submit(answered.append)
        system.drain()
    times = np.subtract(answered, began)
    return max(float(np.median(times[calls:])), 1.0)
