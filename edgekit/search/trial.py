"""One trial: an ordinary run of the workflow with some settings changed, that may end before its time.

Before anything is trained the student is timed; at the rungs of its training it is held against the trials that came as
far. What the judge keeps at the end is what the trial found. Scores are of validation examples throughout.
"""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit import console, locks
from edgekit.errors import EdgekitError
from edgekit.metric import Metric
from edgekit.recipe.schema import Recipe
from edgekit.search import ahead, limits
from edgekit.search.asking import TRIALS, Plan
from edgekit.search.rungs import Ended, Note, Peers, Watched
from edgekit.stages.job import Job
from edgekit.workflow import preparing, running
from edgekit.workflow.candidates import CHECKPOINT

TEACHER = "teacher"  # the run under trials/ that makes the teacher
_ESTIMATES = "estimates"


@dataclasses.dataclass(frozen=True)
class Sight:
    """What a trial sees of the study: the teacher's figures, earlier outcomes by run, and who reached a rung.

    `note(key, value)` writes down what others are to see; `own`: it is the recipe's own, and goes on to its end.
    """

    teacher: Mapping[str, Any] | None
    finished: Mapping[str, tuple[int, dict[str, Any]]]
    peers: Peers
    note: Note
    own: bool = False


def take(plan: Plan, values: Mapping[str, Any], sight: Sight) -> dict[str, Any]:
    """Run the trial of these values, and return its outcome: a row of search.json, as far as it is the trial's."""
    began = time.monotonic()
    try:
        outcome = _run(plan, values, sight)
    except Ended as end:
        outcome = {"state": end.state, "why": str(end)}
    except EdgekitError as error:
        outcome = {"state": "failed", "why": str(error)}
    except Exception as error:  # a network may raise anything
        console.say(traceback.format_exc())
        outcome = {"state": "failed", "why": f"{type(error).__name__}: {error}"}
    outcome["why"] = outcome["why"].partition("\n")[0]
    return outcome | {"seconds": round(time.monotonic() - began, 2)}


def _run(plan: Plan, values: Mapping[str, Any], sight: Sight) -> dict[str, Any]:
    loaded = plan.trial(values)
    job = preparing.prepare(loaded)
    run = f"{TRIALS}/{preparing.run_folder(job, Path()).name}"
    if run in sight.finished:
        number, known = sight.finished[run]
        return known | {"why": f"the same as trial {number}", "duplicate": number}
    sight.note("run", run)
    device = locks.Device(job.measure.device)
    try:
        figures = _estimated(plan, job, sight, device)
        sight.note("estimate", figures)
        hoped = limits.hoped(loaded.recipe, figures)
        wanted = limits.read(loaded.recipe, Metric(job.metric, job.unit, job.sign))
        if not sight.own and (broken := limits.broken(wanted, hoped)):
            raise Ended("infeasible", f"untrained, at best {broken}")
        sizes = (figures["p50_ms"], figures["bytes"])
        stage = plan.folder / run / plan.learns
        watched = Watched(job.validate, device, stage, plan.search.rungs, sizes, sight.peers, sight.note, sight.own)
        record = running.run(dataclasses.replace(job, validate=watched.validate), plan.folder / run)
    except Ended:
        for left in (plan.folder / run).glob(f"*/{CHECKPOINT}"):
            left.unlink(missing_ok=True)
        raise
    finally:
        device.close()
    return _outcome(record, job, loaded.recipe, sight.teacher) | {"run": run}


def _estimated(plan: Plan, job: Job, sight: Sight, device: locks.Device) -> dict[str, Any]:
    teacher = sight.teacher
    graph = plan.folder / TRIALS / TEACHER / teacher["graph"] if teacher else None
    return ahead.estimate(job, graph, teacher["p50_ms"] if teacher else None, device, plan.folder / _ESTIMATES)


def _outcome(record: dict[str, Any], job: Job, recipe: Recipe, teacher: Mapping[str, Any] | None) -> dict[str, Any]:
    kept = next(stage for stage in record["stages"] if stage["id"] == record["kept"])
    verdict = kept["verdict"]
    if kept["kind"] == "teacher":
        why = "; ".join(f"{s['id']}: {s['verdict']['reason']}" for s in record["stages"] if s["id"] != record["kept"])
        return {"state": "failed", "why": f"every step was undone: {why}"}
    metric = Metric(job.metric, job.unit, job.sign)
    found, over = verdict["validation"], verdict["speedup_over_teacher"]
    ends = [None if found[end] is None else shown(metric, found[end]) for end in ("low", "high")]
    low, high = ends if job.sign > 0 else ends[::-1]
    raw = verdict["latency"]["p50_us"] / 1000
    figures = {
        "metric": shown(metric, found["value"]),
        "metric_low": low,
        "metric_high": high,
        "n": found["n"],
        "speedup": over and over["ratio"],
        "speedup_low": over and over["low"],
        "speedup_high": over and over["high"],
        "p50_ms": teacher["p50_ms"] / over["ratio"] if teacher and over else raw,
        "bytes": verdict["bytes"],
        "parameters": verdict["parameters"],
        "kept": kept["id"],
        "score": found["value"],
    }
    wanted = limits.read(recipe, metric)
    broken = limits.broken(wanted, figures)
    said = {"state": "infeasible" if broken else "complete", "why": broken or ""}
    return said | figures | {"excess": limits.excess(wanted, figures, job.sign)}


def shown(metric: Metric, score: float) -> float:
    """Return a mean score as it is written: percent where it is a share."""
    return metric.shown(score) * (100 if metric.share else 1)
