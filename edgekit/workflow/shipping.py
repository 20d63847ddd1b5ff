"""What a finished run ships: the card of the model that is kept, its bundle, and whether it reached the targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.exporting import bundle
from edgekit.judging import Judged
from edgekit.manifest import Manifest
from edgekit.runtime.session import open_session
from edgekit.stages.job import Job


def ship(job: Job, kept: Judged, record: dict[str, Any], folder: Path) -> None:
    """Write the bundle of the model that is kept; `record` is the run's."""
    verdict = kept.verdict
    card = Manifest(
        name=job.name,
        task=job.task,
        inputs=[job.deployment.input],
        outputs=open_session(kept.graph).outputs,
        labels=list(job.deployment.labels),
        preprocessing=job.deployment.preprocessing(),
        metrics={job.metric: {k: v for k, v in verdict["test"].items() if k != "per_class"} | {"split": "test"}},
        parity=verdict["parity"],
        latency=verdict["latency"] | {"machine": record["machine"]["cpu"]},
        provenance=_without_places(job.provenance)
        | {
            "seed": job.seed,
            "data": _without_places(job.data),
            "kept": verdict["stage"],
            "stages": [
                {key: stage[key] for key in ("id", "kind", "key", "said", "widths")}
                | {"decision": stage["verdict"]["decision"], "reason": stage["verdict"]["reason"]}
                for stage in record["stages"]
            ],
            "versions": record["versions"],
            "machine": record["machine"],
        },
        requires={"onnxruntime": job.deployment.min_onnxruntime},
    )
    bundle.write(folder, kept.graph, card, job.inputs)


def _without_places(value: Any) -> Any:
    """Leave of every path only its last part: where things lie on the maker's machine is nobody else's business."""
    if isinstance(value, dict):
        return {key: _without_places(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_places(part) for part in value]
    if isinstance(value, str) and (value.startswith((".", "~")) or Path(value).is_absolute()):
        return Path(value).name
    return value


def targets(job: Job, verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """Hold the kept model against the recipe's targets."""
    over = verdict["speedup_over_teacher"]
    # What was got, and whether more of it is better.
    got = {
        "accuracy": (verdict["test"]["value"], True),
        "p50_ms": (verdict["latency"]["p50_us"] / 1000, False),
        "speedup": (over["ratio"] if over else 1.0, True),
        "bytes": (verdict["bytes"], False),
    }
    return [
        {"name": name, "wanted": wanted, "got": value, "met": value >= wanted if more_is_better else value <= wanted}
        for name, wanted in job.targets.model_dump(exclude_none=True).items()
        for value, more_is_better in [got[name]]
    ]
