"""Runs a job: makes each stage's candidate, has it judged, keeps or undoes it, and writes the bundle of what is left.

A run's folder holds one folder per stage, `run.json` and `bundle/`. A candidate and a verdict are each written once,
under a key that hashes all they depend on; a run that is started again finds them and goes on behind them.
"""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from edgekit import __version__, candidates, console, files, hardware, locks, shipping
from edgekit.judging import Candidate, Judge, Judged
from edgekit.recipe.schema import Budget, Part, Stage
from edgekit.stages import KINDS
from edgekit.stages.job import Context, Job, Network

RUN = "run.json"
PACKAGES = ["torch", "onnx", "onnxruntime", "numpy", "torch-pruning"]


@dataclass(frozen=True)
class Step:
    """One step of a run's plan: a stage's name and kind, what it is told, and the network it trains if it trains one."""

    name: str
    kind: str
    settings: Part
    origin: str


def plan(job: Job, until: str | None = None) -> list[Step]:
    """List the steps: the teacher, the student without it, then the recipe's stages, up to `until`."""
    steps = []
    if job.teacher:
        steps.append(Step("teacher", "teacher", job.teacher.train, "teacher"))
    if job.student and (job.baseline or not job.teacher):
        steps.append(Step("student", "student", job.student.train, "student"))
    for name, settings in job.stages.items():
        steps.append(Step(name, settings.kind or name, settings, "student"))
    names = [step.name for step in steps]
    return steps[: names.index(until) + 1] if until else steps


def run(job: Job, folder: Path, until: str | None = None) -> dict[str, Any]:
    """Run `job` in `folder`, or go on there, and return what stands in run.json.

    Another process at work in the same folder is waited for. The device's lock keeps trainings and measurements apart.
    """

    def waiting() -> None:
        console.say(f'another process is at work in "{folder}"; waiting for it')

    with locks.exclusive(folder / ".lock", waiting):
        device = locks.Device(job.measure.device)
        try:
            return _Run(job, folder, device).go(until)
        finally:
            device.close()


class _Run:
    """One run while it runs: what is kept so far, and the record that becomes run.json."""

    def __init__(self, job: Job, folder: Path, device: locks.Device) -> None:
        self.job = job
        self.folder = folder
        self.device = device
        self.judge = Judge(
            folder, job.deployment, job.metric, job.score, job.inputs, job.measure, job.seed, device, job.classes
        )
        self.teacher: Judged | None = None
        self.teacher_network: nn.Module | None = None
        self.teacher_key = ""
        self.kept: Judged | None = None
        self.network: nn.Module | None = None
        self.origin = "teacher"
        known = files.read_json(folder / RUN) or {}
        self.record: dict[str, Any] = {
            "schema": 1,
            "name": job.name,
            "id": folder.name,
            "status": "running",
            "created": known.get("created") or _now(),
            "finished": None,
            "seconds": 0.0,
            "recipe": job.recipe,
            "recipe_file": job.provenance.get("recipe_file"),
            "seed": job.seed,
            "versions": {"edgekit": __version__, **hardware.versions(PACKAGES)},
            "machine": hardware.machine(),
            "data": job.data,
            "stages": [],
            "kept": None,
            "targets": [],
            "bundle": None,
            "report": None,
        }

    def go(self, until: str | None) -> dict[str, Any]:
        """Take every step, then write the bundle of what is kept."""
        for step in plan(self.job, until):
            self._take(step)
            files.write_json(self.folder / RUN, self.record)
        assert self.kept
        shipping.ship(self.job, self.kept, self.record, self.folder / "bundle")
        self.record["kept"], self.record["bundle"] = self.kept.verdict["stage"], "bundle"
        self.record["targets"] = shipping.targets(self.job, self.kept.verdict)
        self.record["status"], self.record["finished"] = "finished", _now()
        files.write_json(self.folder / RUN, self.record)
        return self.record

    def _take(self, step: Step) -> None:
        folder = self.folder / step.name
        make, label, gains = KINDS[step.kind]
        origin_name = step.origin if step.kind != "prune" else self.origin
        origin = self.job.teacher if origin_name == "teacher" else self.job.student
        assert origin
        key = self._key(step, origin)
        record = candidates.find(folder, key)
        if record:
            console.say(f"{step.name}: finished before, in {console.duration(record['seconds'])}")
            network = candidates.restore(record, folder, origin)
        else:
            began = time.monotonic()
            made = make(
                step.settings,
                Context(
                    self.job, step.name, folder, key, self.device, origin, self.network,
                    self.kept.graph if self.kept else None, self.teacher_network, self.teacher_key,
                ),
            )  # fmt: skip
            record = candidates.keep(folder, key, made, origin, origin_name, time.monotonic() - began)
            network = made.network
        self._settle(step, record, network, label, gains, origin_name)

    def _settle(
        self, step: Step, record: dict[str, Any], network: nn.Module | None, label: str, gains: str, origin: str
    ) -> None:
        """Have the candidate judged, and keep or undo it."""
        folder = self.folder / step.name
        incumbent = self.kept
        first = incumbent is self.teacher
        budget = self._budget(step, first)
        gains = "latency" if first else gains
        parameters = record.get("parameters") or (incumbent.verdict["parameters"] if incumbent else 0)
        candidate = Candidate(
            step.name, step.kind, label if step.name in (step.kind, "teacher") else step.name, folder, network,
            None if network else folder / candidates.GRAPH, parameters,
        )  # fmt: skip
        key = files.fingerprint(
            {
                "candidate": record["key"],
                "incumbent": incumbent.verdict["key"] if incumbent else None,
                "teacher": self.teacher.verdict["key"] if self.teacher else None,
                "budget": budget.model_dump(),
                "gains": gains,
                "measure": self.job.measure.model_dump(),
                "deployment": repr(self.job.deployment),
                "data": self.job.data["fingerprint"],
            }
        )
        judged = self.judge.judge(candidate, incumbent, self.teacher, budget, gains, key)
        verdict = judged.verdict
        console.say(f"{step.name}: {verdict['decision']}: {verdict['reason']}")
        history = folder / candidates.HISTORY
        self.record["stages"].append(
            {
                "id": step.name,
                "kind": step.kind,
                "key": record["key"],
                "seconds": record["seconds"],
                "said": record["said"],
                "widths": record.get("widths", {}),
                "history": f"{step.name}/{history.name}" if history.exists() else None,
                "files": {f"{step.name}/{name}": digest for name, digest in record["files"].items()},
                "verdict": verdict,
            }
        )
        self.record["seconds"] = round(self.record["seconds"] + record["seconds"], 2)
        if step.kind == "teacher":
            self.teacher, self.teacher_network, self.teacher_key = judged, network, record["key"]
        if verdict["decision"] != "undone":
            self.kept, self.network, self.origin = judged, network, origin

    def _budget(self, step: Step, first: bool) -> Budget:
        own = step.settings.budget if isinstance(step.settings, Stage) else None
        return own or (self.job.student_budget if first else self.job.budget)

    def _key(self, step: Step, origin: Network) -> str:
        """Hash all that a candidate depends on."""
        depends: dict[str, Any] = {
            "kind": step.kind,
            "settings": step.settings.model_dump(mode="json", exclude={"budget", "kind"}),
            "seed": self.job.seed,
            "data": self.job.data["fingerprint"],
            "batches": self.job.data.get("prepared"),
            "code": self._code,
        }
        if step.kind == "quantize":
            depends["incumbent"] = self.kept.verdict["key"] if self.kept else None
            depends["saturates"] = hardware.saturates_int8()
        else:
            depends["network"] = origin.identity
            depends["weights"] = files.sha256(origin.weights) if origin.weights else None
        if step.kind in ("distill", "prune"):
            depends["teacher"] = self.teacher_key
        if step.kind == "prune":
            depends["incumbent"] = self._kept_key()
        return files.fingerprint(depends)

    def _kept_key(self) -> str:
        assert self.kept
        key: str = next(s["key"] for s in self.record["stages"] if s["id"] == self.kept.verdict["stage"])
        return key

    @cached_property
    def _code(self) -> str:
        """Hash the source of everything that decides what a training gives."""
        here = Path(__file__).parent
        sources = sorted(
            p for room in ("data", "training", "compression", "stages") for p in (here / room).rglob("*.py")
        )
        return files.fingerprint([files.sha256(path) for path in sources])


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
