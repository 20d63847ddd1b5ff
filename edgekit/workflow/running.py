"""Runs a job: makes each stage's candidate, has it judged, keeps or undoes it, and writes the bundle of what is left.

A run's folder holds one folder per stage, `run.json` and `bundle/`. A candidate and a verdict are each written once,
under a key that hashes all they depend on; a run that is started again finds them and goes on behind them.
"""

from __future__ import annotations

import contextlib
import datetime
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from edgekit import __version__, console, files, hardware, locks
from edgekit.errors import UsageError
from edgekit.judging import Candidate, Judge, Judged
from edgekit.manifest import MODEL
from edgekit.metric import Metric
from edgekit.recipe.schema import Budget, Stage
from edgekit.stages import KINDS
from edgekit.stages.job import Context, Job, Made, Step
from edgekit.training import together
from edgekit.workflow import candidates, comparing, keys, shipping

RUN = "run.json"
PACKAGES = ["torch", "onnx", "onnxruntime", "numpy", "torch-pruning", "torchao"]


class Standing(NamedTuple):
    """A judged candidate as later steps see it: its network if it has one, the hash of what it is, and its origin."""

    judged: Judged
    network: nn.Module | None
    identity: str
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

    Another run at work in the same folder is waited for. The device's lock keeps trainings and measurements apart.
    Where a launcher started several processes, they train together; the first one judges, ships and writes for all.
    """
    own = [stage.budget for stage in job.stages.values() if stage.budget]
    check_budgets(job.metric, job.judged_classes, [job.budget, job.student_budget, *own])

    def waiting() -> None:
        console.say(f'another process is at work in "{folder}"; waiting for it')

    with together.joined(), contextlib.ExitStack() as held:
        if together.here().leads:
            held.enter_context(locks.exclusive(folder / ".lock", waiting))
            files.sweep(folder)
        alike = {"edgekit": __version__, "data set": job.data["fingerprint"], "recipe": files.fingerprint(job.recipe)}
        together.one_and_the_same(alike, folder)
        device = locks.Device(job.measure.device)
        held.callback(device.close)
        return _Run(job, folder, device).go(until)


def check_budgets(metric: str, classes: np.ndarray | None, budgets: Iterable[Budget]) -> None:
    """Raise UsageError where a budget limits what a class may lose, and nobody can tell that."""
    if classes is None and any(budget.max_class_drop_points is not None for budget in budgets):
        said = f'"max_class_drop_points" is set, and "{metric}" is not told by class'
        raise UsageError(said, "leave it out: max_drop_points limits the whole")


class _Run:
    """One run while it runs: the teacher, what is kept so far, and the record that becomes run.json."""

    def __init__(self, job: Job, folder: Path, device: locks.Device) -> None:
        self.job = job
        self.folder = folder
        self.device = device
        classes = {"validation": job.judged_classes, "test": job.classes}
        self.judge = Judge(
            folder, job.deployment, Metric(job.metric, job.unit, job.sign), job.score, job.inputs, job.measure,
            job.seed, device, {split: of for split, of in classes.items() if of is not None}, job.groups or {},
        )  # fmt: skip
        self.teacher: Standing | None = None
        self.kept: Standing | None = None
        self.standing: dict[str, Standing] = {}
        known = files.read_json(folder / RUN)
        self.record: dict[str, Any] = {
            "schema": 1,
            "name": job.name,
            "id": folder.name,
            "status": "running",
            "created": known["created"] if isinstance(known, dict) and "created" in known else _now(),
            "finished": None,
            "seconds": 0.0,
            "recipe": job.recipe,
            "recipe_file": job.provenance.get("recipe_file"),
            "seed": job.seed,
            "versions": {"edgekit": __version__, **hardware.versions(PACKAGES)},
            "machine": hardware.machine(),
            "data": job.data,
            "stages": [],
            "differences": None,
            "kept": None,
            "targets": [],
            "bundle": None,
            "report": None,
        }

    def go(self, until: str | None) -> dict[str, Any]:
        """Take every step, then write the bundle of what is kept."""
        make = True
        for step in plan(self.job):
            if not self._take(step, make):
                break  # what comes after `until` is kept where it is there, and not made where it is not
            if together.here().leads:
                files.write_json(self.folder / RUN, self.record)
            make = make and step.name != until
        return together.first(self._finish)

    def _finish(self) -> dict[str, Any]:
        """Compare what is kept with the teacher, ship it, and hold it to the targets."""
        assert self.kept  # the first step is the reference, which is never undone
        self.record["differences"] = self._differences(self.kept)
        shipping.ship(self.job, self.kept.judged, self.record, self.folder / "bundle")
        verdict = self.kept.judged.verdict
        self.record["kept"], self.record["bundle"] = verdict["stage"], "bundle"
        if len(self.record["stages"]) == len(plan(self.job)):  # a run that was told to stop early is held to nothing
            shipped = (self.folder / "bundle" / MODEL).stat().st_size
            self.record["targets"] = shipping.targets(self.job, verdict | {"bytes": shipped})
        self.record["status"], self.record["finished"] = "finished", _now()
        files.write_json(self.folder / RUN, self.record)
        return self.record

    def _take(self, step: Step, make: bool) -> bool:
        """Find the step's candidate, or make it; have it judged; keep or undo it. False: it is not there."""
        job, kept, teacher, kind = self.job, self.kept, self.teacher, KINDS[step.kind]
        folder = self.folder / step.name
        origin_name = kept.origin if kept and "incumbent" in kind.uses else step.origin
        origin = job.teacher if origin_name == "teacher" else job.student
        assert origin
        identity, incumbent = teacher.identity if teacher else None, kept.identity if kept else None
        last = kept.judged if kept else None
        key = together.first(lambda: keys.candidate(job, step, origin, identity, incumbent, last))
        record = together.first(lambda: candidates.find(folder, key))
        if record:
            console.say(f"{step.name}: finished before, in {console.duration(record['seconds'])}")
            network = candidates.restore(record, folder, origin)
        elif not make:
            return False
        else:
            context = Context(
                job=job,
                name=step.name,
                folder=folder,
                key=key,
                device=self.device,
                origin=origin,
                network=kept.network if kept else None,
                graph=kept.judged.graph if kept else None,
                teacher=teacher.network if teacher else None,
                teacher_key=teacher.identity if teacher else "",
            )
            record, network = self._make(step, context)
        judged = together.first(lambda: self._judge(step, record, network))
        self._note(step, record, judged)
        content = record["files"].get(candidates.WEIGHTS) or record["files"][candidates.GRAPH]
        standing = Standing(judged, network, files.fingerprint([origin.identity, content]), origin_name)
        self.standing[step.name] = standing
        if step.kind == "teacher":
            self.teacher = standing
        if judged.verdict["decision"] != "undone":
            self.kept = standing
        return True

    def _make(self, step: Step, context: Context) -> tuple[dict[str, Any], nn.Module | None]:
        """Make the step's candidate and keep it; return its record, and its network where it has one."""
        kind, began = KINDS[step.kind], time.monotonic()
        made = kind.run(step.settings, context) if kind.shared else None

        def keep() -> tuple[dict[str, Any], Made]:
            done = made or kind.run(step.settings, context)
            seconds = time.monotonic() - began
            return candidates.keep(context.folder, context.key, done, context.origin, seconds), done

        if together.here().size == 1:
            record, made = keep()
            return record, made.network
        record = together.first(lambda: keep()[0])
        return record, made.network if made else candidates.restore(record, context.folder, context.origin)

    def _judge(self, step: Step, record: dict[str, Any], network: nn.Module | None) -> Judged:
        kind, folder = KINDS[step.kind], self.folder / step.name
        incumbent = self.kept.judged if self.kept else None
        teacher = self.teacher.judged if self.teacher else None
        first = incumbent is teacher  # the first small network is judged beside the teacher, and must be faster
        own = step.settings.budget if isinstance(step.settings, Stage) else None
        budget: Budget = own or (self.job.student_budget if first else self.job.budget)
        if self.job.budget.keep_anyway:
            budget = budget.model_copy(update={"keep_anyway": True})
        gains = "latency" if first else kind.gains
        graph = folder / candidates.GRAPH if candidates.GRAPH in record["files"] else None
        candidate = Candidate(
            stage=step.name,
            kind=step.kind,
            label=kind.label if step.name == step.kind else step.name,
            folder=folder,
            network=None if graph else network,
            graph=graph,
            parameters=record.get("parameters") or (incumbent.verdict["parameters"] if incumbent else 0),
        )
        key = keys.verdict(self.job, record["key"], incumbent, teacher, budget, gains)
        judged = self.judge.judge(candidate, incumbent, teacher, budget, gains, key)
        anyway = " anyway" if judged.verdict["anyway"] else ""
        console.say(f"{step.name}: {judged.verdict['decision']}{anyway}: {judged.verdict['reason']}")
        return judged

    def _differences(self, kept: Standing) -> dict[str, Any] | None:
        """Compare what is kept with the teacher; None where it is the teacher itself, or there is none."""
        if not self.teacher or kept is self.teacher:
            return None
        origin = kept
        while origin.network is None:  # a graph: the network is that of what it was made from
            origin = self.standing[origin.judged.verdict["incumbent"]]
        teacher, model = (
            comparing.Compared(judged, of.network, of.judged.verdict["stage"])
            for judged, of in ((self.teacher.judged, self.teacher), (kept.judged, origin))
        )
        alone = self.standing.get("student")
        return comparing.compare(self.job, self.folder, teacher, model, alone.judged if alone else None)

    def _note(self, step: Step, record: dict[str, Any], judged: Judged) -> None:
        """Write a step into the run's record."""
        history = f"{step.name}/{candidates.HISTORY}"
        seconds = round(record["seconds"] + judged.verdict["seconds"], 2)
        self.record["seconds"] = round(self.record["seconds"] + seconds, 2)
        self.record["stages"].append(
            {
                "id": step.name,
                "kind": step.kind,
                "key": record["key"],
                "seconds": seconds,
                "said": record["said"],
                "widths": record.get("widths", {}),
                "history": history if (self.folder / history).exists() else None,
                "files": {f"{step.name}/{name}": digest for name, digest in record["files"].items()},
                "verdict": judged.verdict,
            }
        )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
