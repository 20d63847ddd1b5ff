"""What a candidate and a verdict depend on, hashed: equal keys mean that nothing need be done again."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from edgekit import files, hardware
from edgekit.judging import Judged
from edgekit.recipe.schema import Budget, Stage
from edgekit.stages import KINDS
from edgekit.stages.job import Job, Network, Step

# The rooms whose code decides what a training or a compression gives.
_ROOMS = ("tasks", "data", "training", "compression", "stages")


def candidate(
    job: Job, step: Step, origin: Network, teacher: str | None, incumbent: str | None, kept: Judged | None
) -> str:
    """Return the key of what `step` makes; `teacher`, `incumbent`: hashes of what they are; `kept`: what is kept."""
    uses = KINDS[step.kind].uses
    if step.kind == "teacher" and (origin.weights or origin.graph):
        # Given weights are what they are, whatever the seed, the settings and the code say.
        return origin.digest()
    depends: dict[str, Any] = {
        "kind": step.kind,
        "code": _code(),
        "task": job.task,
        "settings": step.settings.model_dump(mode="json", exclude={"budget", "kind"}),
        "seed": job.seed,
        "data": job.data["fingerprint"],
        "batches": job.data.get("prepared"),
    }
    if isinstance(step.settings, Stage) and step.settings.by_time:
        budget = step.settings.budget or job.budget
        depends["measured"] = [job.measure.model_dump(), budget.model_dump(), hardware.machine()["cpu"]]
    if "network" in uses:
        depends["network"] = origin.identity
    if "teacher" in uses:
        depends["teacher"] = teacher
        depends["also"] = [network.digest() for network in job.also]
    if "incumbent" in uses:
        depends["incumbent"] = incumbent
    if "graph" in uses:
        depends["graph"] = kept.verdict["model"]["sha256"] if kept else None
        depends["saturates"] = hardware.saturates_int8()
    return files.fingerprint(depends)


def verdict(
    job: Job, candidate: str, incumbent: Judged | None, teacher: Judged | None, budget: Budget, gains: str
) -> str:
    """Return the key of the verdict on `candidate`, itself a key."""
    return files.fingerprint(
        {
            "candidate": candidate,
            "incumbent": incumbent.verdict["key"] if incumbent else None,
            "teacher": teacher.verdict["key"] if teacher else None,
            "budget": budget.model_dump(),
            "gains": gains,
            "measure": job.measure.model_dump(),
            "deployment": repr(job.deployment),
            "metric": job.metric,
            "data": job.data["fingerprint"],
        }
    )


@cache
def _code() -> str:
    package = Path(__file__).parents[1]
    sources = sorted(path for room in _ROOMS for path in (package / room).rglob("*.py"))
    return files.fingerprint([files.sha256(path) for path in sources])
