"""What a finished run ships: the card of the model that is kept, its bundle, and whether it reached the targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edgekit.compression.telling import measured_on
from edgekit.exporting import bundle
from edgekit.judging import Judged
from edgekit.manifest import Manifest
from edgekit.measuring import predicting
from edgekit.metric import Metric
from edgekit.runtime.predictors import TOKENIZER
from edgekit.runtime.session import open_session
from edgekit.runtime.states import states
from edgekit.stages.job import Job


def ship(job: Job, kept: Judged, record: dict[str, Any], folder: Path) -> None:
    """Write the bundle of the model that is kept; `record` is the run's."""
    verdict, session = kept.verdict, open_session(kept.graph)
    card = Manifest(
        name=job.name,
        task=job.task,
        inputs=session.inputs if states(session.inputs, session.outputs) else [job.deployment.input],
        outputs=session.outputs,
        labels=list(job.deployment.labels),
        preprocessing=job.deployment.preprocessing() | _before(job),
        metrics=_metrics(job, verdict["test"], measured_on(kept.graph, record["machine"])),
        parity=verdict["parity"],
        latency=verdict["latency"] | {"machine": record["machine"]["cpu"]},
        provenance=_without_places(job.provenance)
        | {
            "seed": job.seed,
            "data": _without_places(job.data),
            "kept": verdict["stage"],
            "stages": [
                {key: stage[key] for key in ("id", "kind", "key", "said", "widths")}
                | {key: stage["verdict"][key] for key in ("decision", "anyway", "reason")}
                for stage in record["stages"]
            ],
            "versions": record["versions"],
            "machine": record["machine"],
        },
        requires={"onnxruntime": job.deployment.min_onnxruntime},
    )
    bundle.write(folder, kept.graph, card, predicting.first(session, job.inputs), job.beside)


def _before(job: Job) -> dict[str, Any]:
    """Say what comes before a model's input: how many texts it is of and how they are cut, or how windows lie."""
    if TOKENIZER in job.beside:
        said = json.loads(job.beside[TOKENIZER].read_text(encoding="utf-8"))
        limit = (said.get("truncation") or {}).get("max_length")
        return ({"texts": job.texts} if job.texts else {}) | ({"max_length": limit} if limit else {})
    window = (job.recipe.get("data") or {}).get("window")
    if window and len(job.deployment.input.shape) == 3:
        return {"window": {"length": window["length"], "hop": window.get("hop") or window["length"]}}
    return {}


def _metrics(job: Job, test: dict[str, Any], where: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the test split as people read them, in the metric's unit; of two classes F1 as well.

    `where` they were measured stands beside them, if that matters.
    """
    metric = Metric(job.metric, job.unit, job.sign)
    said = {key: value for key, value in test.items() if key not in ("per_class", "f1")}
    low, high = (said["low"], said["high"]) if not metric.less_is_better else (said["high"], said["low"])
    for key, score in (("value", said["value"]), ("low", low), ("high", high)):
        said[key] = None if score is None else metric.shown(score)
    found = {job.metric: said | ({} if metric.share else {"unit": metric.unit}) | where | {"split": "test"}}
    return found | ({"f1": test["f1"] | where | {"split": "test"}} if test.get("f1") else {})


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
        "metric": (job.sign * verdict["test"]["value"], job.sign > 0),
        "p50_ms": (verdict["latency"]["p50_us"] / 1000, False),
        "speedup": (over["ratio"] if over else 1.0, True),
        "bytes": (verdict["bytes"], False),
    }
    return [
        {"name": name, "wanted": wanted, "got": value, "met": value >= wanted if more_is_better else value <= wanted}
        for name, wanted in job.targets.model_dump(exclude_none=True).items()
        for value, more_is_better in [got[name]]
    ]
