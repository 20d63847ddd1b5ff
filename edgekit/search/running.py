"""Conducts a search: makes the teacher, starts the workers, tells of every trial, and writes what came of them.

The study alone is the truth: workers may be killed and join from other machines, and a search that is run again goes on
with what the study holds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import console, files, hardware, locks
from edgekit.errors import StorageError
from edgekit.metric import Metric
from edgekit.search import beginning, points, record, study
from edgekit.search.asking import RECORD, WORKERS, Plan
from edgekit.stages.job import Job

if TYPE_CHECKING:
    from optuna import Study

_POLL = 0.3  # seconds between looks at the study
_PATIENCE = 15.0  # seconds a worker has to end
_CRASHES = 3  # workers in a row that end without a trial


def conduct(plan: Plan, job: Job) -> dict[str, Any]:
    """Search until as many trials as were asked for have ended; return what stands in search.json.

    `job` is that of the recipe's own values, whose teacher serves all. On KeyboardInterrupt all workers are ended and
    everything is written before it goes on its way. Another process that conducts the same search here is waited for.
    """

    def waiting() -> None:
        console.say(f'another process conducts the search in "{plan.folder}"; waiting for it')

    with locks.exclusive(plan.folder / ".lock", waiting), study.opened(plan, job.data["fingerprint"]) as shared:
        study.note(shared, beginning.begin(plan, job))
        return _Sitting(plan, shared).go()


class _Sitting:
    """One sitting of a search: from its start to its end, or to Ctrl-C."""

    def __init__(self, plan: Plan, shared: Study) -> None:
        self.plan, self.shared = plan, shared
        self.before = float(record.read(plan.folder).get("seconds") or 0)
        self.began = time.monotonic()
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self.crashes = 0
        self._lose()
        now = self._record("running")
        files.write_json(plan.folder / RECORD, now)
        self.told = {row["number"] for row in now["trials"] if row["state"] != "running"}
        self.found = self.first = study.counted(shared)

    def go(self) -> dict[str, Any]:
        """Keep workers at work until there are enough trials."""
        wanted = self.plan.asked.trials
        if self.first:
            console.say(f"going on after {self.first} of {wanted} trials")
        status = "stopped"
        try:
            while not study.over(self.shared, wanted):
                self._staff(wanted)
                time.sleep(_POLL)
                self._look()
            self._look()  # what ended since
            status = "finished"
        finally:
            self._dismiss()
            study.lose(self.shared, self.plan.folder)
            last = self._record(status)
            last["chosen"] = points.write(self.plan, last)
            files.write_json(self.plan.folder / RECORD, last)
        return last

    def _lose(self) -> None:
        study.lose(self.shared, self.plan.folder)
        study.own(self.shared, self.plan)

    def _look(self) -> None:
        """Tell of the trials that have ended since the last look, and write the record."""
        self._lose()
        every = study.trials(self.shared)
        ended = [each for each in every if each.state.is_finished() and each.number not in self.told]
        if not ended:
            return
        now = self._record("running")
        self.found = study.counted(self.shared)
        for row in now["trials"]:
            if row["number"] in {each.number for each in ended}:
                self.told.add(row["number"])
                left = self._left() if row["state"] != "lost" else ""
                console.say(_line(row, now, self.found, left))
                self.crashes = 0 if row["state"] != "lost" else self.crashes
        files.write_json(self.plan.folder / RECORD, now)

    def _record(self, status: str) -> dict[str, Any]:
        return record.make(self.plan, self.shared, status, self.before + time.monotonic() - self.began)

    def _left(self) -> str:
        fresh, missing = self.found - self.first, self.plan.asked.trials - self.found
        if fresh <= 0 or missing <= 0:
            return ""
        return f"about {console.duration((time.monotonic() - self.began) / fresh * missing)} left"

    def _staff(self, wanted: int) -> None:
        """Start a worker in every place that is empty, as far as there is work."""
        for place in range(self.plan.asked.jobs):
            worker = self.workers.get(place)
            if worker and worker.poll() is not None:
                del self.workers[place]
                if worker.returncode:
                    self._gone(place, worker)
            if place not in self.workers and not study.enough(self.shared, wanted):
                self.workers[place] = _start(self.plan, place)

    def _gone(self, place: int, worker: subprocess.Popen[bytes]) -> None:
        self.crashes += 1
        log = _log(self.plan.folder, place)
        if self.crashes >= _CRASHES:
            lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
            errors = [line for line in lines if line.startswith("error: ")]
            said = [f"exit code {worker.returncode}", *lines[-1:], *errors[-1:]][-1]
            raise StorageError(
                f"{_CRASHES} workers in a row ended without a trial: {said}", f'"{log}" has all that the last one said'
            )
        console.say(f"worker {place + 1} ended ({_ended(worker.returncode)}); another one takes its place")

    def _dismiss(self) -> None:
        """End the workers; kill those that don't."""
        for worker in self.workers.values():
            worker.terminate()
        ends = time.monotonic() + _PATIENCE
        for worker in self.workers.values():
            try:
                worker.wait(max(ends - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def threads(jobs: int) -> int:
    """Return how many threads each of `jobs` workers trains with: the cores shared out, or fewer where so told."""
    share = max(int(hardware.usable_cores()) // jobs, 1)
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(told)) if told.isdigit() and int(told) else share


def _start(plan: Plan, place: int) -> subprocess.Popen[bytes]:
    log = _log(plan.folder, place)
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OMP_NUM_THREADS": str(threads(plan.asked.jobs))}
    with log.open("ab") as stream:
        worker = subprocess.Popen(
            [sys.executable, "-m", "edgekit.search.worker", str(os.getpid())],
            stdin=subprocess.PIPE, stdout=stream, stderr=stream, env=environment,
            start_new_session=True,  # Ctrl-C is for the conductor, who ends the workers
        )  # fmt: skip
    assert worker.stdin
    with contextlib.suppress(BrokenPipeError), worker.stdin:  # it is gone already: its exit code tells
        worker.stdin.write(plan.asked.written().encode() + b"\n")
    return worker


def _log(folder: Path, place: int) -> Path:
    return folder / WORKERS / f"{place + 1}.log"


def _ended(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _line(row: Mapping[str, Any], record: Mapping[str, Any], found: int, left: str) -> str:
    """Write a row of the record: `trial 12: complete, 93.1 %, 25.1x, 0.12 ms, 81.2 KB in 41 s (13 of 60)  ... left`."""
    said = [row["state"] + (" (the recipe's own)" if row["own"] else "")]
    if row["metric"] is not None:
        metric = Metric(**record["metric"])
        said.append(metric.value(metric.shown(row["metric"]) / (100 if metric.share else 1)))
        said += [f"{row['speedup']:.1f}x"] if row["speedup"] else []
        said += [f"{row['p50_ms']:.3g} ms", console.size(row["bytes"])]
    said += [row["why"]] if row["why"] else []
    took = f" in {console.duration(row['seconds'])}" if row["seconds"] is not None else ""
    return f"trial {row['number']}: {', '.join(said)}{took} ({found} of {record['trials_asked']})  {left}".rstrip()
