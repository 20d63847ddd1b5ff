"""What must be so before a search begins: the ends of its ranges make networks, and there is a teacher.

The teacher is trained and judged once; the trials find it among their siblings.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edgekit import files, modelfile
from edgekit.errors import EdgekitError, ModelError
from edgekit.metric import Metric
from edgekit.recipe.loading import load, resolve_model, resolved
from edgekit.recipe.schema import Targets
from edgekit.recipe.searching import NETWORK
from edgekit.search import limits, space
from edgekit.search.asking import LIFTED, TRIALS, Plan
from edgekit.search.trial import TEACHER, shown
from edgekit.stages.job import Job
from edgekit.workflow import preparing, rehearsal, running


def build(plan: Plan) -> None:
    """Build the student at every end of every range, all else as the recipe has it; raise ModelError that names it."""
    for dimension in plan.dimensions:
        for value in dimension.ends if dimension.key.partition(".")[0] == NETWORK else ():
            changed = [*plan.asked.overrides, "search=null", *space.written({dimension.key: value})]
            loaded = load(str(plan.loaded.path), changed, plan.asked.quick)
            student = loaded.recipe.student
            try:
                modelfile.build(resolve_model(loaded, student.model), student.args)
            except EdgekitError as error:
                said = f"search.space: {dimension.key} = {value} makes no model: {error}"
                raise ModelError(said, "narrow the range to what the model file can build") from None


def prepare(plan: Plan) -> Job:
    """Prepare and rehearse the trial of the recipe's own values."""
    job = preparing.prepare(plan.trial({}))
    rehearsal.rehearse(job)
    return job


def folder(plan: Plan, job: Job, runs: Path) -> Path:
    """Return the search's folder under `runs`: its id hashes the recipe, its search, the lifted limits, the models."""
    networks = [network.identity for network in (job.teacher, job.student, *job.also) if network]
    search = plan.search.model_dump(mode="json")
    said = {"recipe": resolved(plan.recipe), "search": search, "lifted": LIFTED, "networks": networks}
    return runs / plan.recipe.name / f"search-{files.fingerprint(said)[:8]}"


def begin(plan: Plan, job: Job) -> dict[str, Any]:
    """Make the teacher, and return what a study notes of itself."""
    metric = Metric(job.metric, job.unit, job.sign)
    noted: dict[str, Any] = {
        "counts": {split: job.data[split] for split in ("train", "validation", "test")},
        "metric": metric._asdict(),
        "limits": limits.read(plan.recipe, metric),
    }
    if job.teacher:
        alone = replace(job, student=None, stages={}, targets=Targets())
        made = running.run(alone, plan.folder / TRIALS / TEACHER)
        verdict = made["stages"][0]["verdict"]
        noted["teacher"] = {
            "metric": shown(metric, verdict["validation"]["value"]),
            "p50_ms": verdict["latency"]["p50_us"] / 1000,
            "bytes": verdict["bytes"],
            "graph": verdict["model"]["file"],
        }
    return noted
