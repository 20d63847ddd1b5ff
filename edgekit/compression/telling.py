"""What quantizing after training tells: all that was tried as JSON-ready values, and the twin's own card. No torch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgekit import __version__, files, hardware
from edgekit.compression.post_training import Asked, Attempt, Outcome, in_float
from edgekit.compression.ways import Workshop
from edgekit.exporting import bundle
from edgekit.graph import storage
from edgekit.graph.original import quantized_operators
from edgekit.manifest import MODEL
from edgekit.runtime.model import Model
from edgekit.runtime.session import open_session


def told(
    outcome: Outcome, kept: Attempt | None, workshop: Workshop, asked: Asked, target: str, metric: Mapping[str, Any]
) -> dict[str, Any]:
    """Give all that was tried and decided as JSON-ready values."""
    original = workshop.original
    reason = outcome.reason
    if not outcome.chosen:
        near = outcome.nearest
        lost = f"{near.change['points'] + 0.0:+.2f} points at ".replace("-", "−") if near.change else ""
        left = in_float(near.floats)
        reason += f"; the nearest is {near.way}{left}: {lost}{near.speed['ratio']:.2f}× the speed"
    return {
        "kept": kept.to_dict() if kept else None,
        "within_budget": outcome.chosen is not None,
        "reason": reason,
        "metric": dict(metric),
        "budget": {
            "max_drop_points": asked.max_drop_points,
            "min_speedup": asked.min_speedup,
            "min_shrink": asked.min_shrink,
        },
        "target": target,
        "float": {
            "p50_us": outcome.float_us,
            "bytes": original.source.stat().st_size,
            "layers": len(original.weighted),
        },
        "calibration": {"method": workshop.method, "examples": workshop.ranges.examples, "corrected": workshop.correct},
        "attempts": [each.to_dict() for each in outcome.attempts],
        "sensitivity": outcome.sensitivity,
        "machine": hardware.machine(),
        "measured": {"device": asked.device, "threads": asked.threads, "seconds": asked.seconds},
        "versions": {"edgekit": __version__, **hardware.versions([*hardware.onnxruntime_wheels(), "onnx", "numpy"])},
        "raw": {name: samples.to_dict() for name, samples in outcome.raw.items()},
    }


def measured_on(file: Path, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Say on which kind of processor a model in 8 bits was scored, for its answers differ from one to the next.

    Of a float model it says nothing. `machine`: as `hardware.machine` gives it.
    """
    if not quantized_operators(storage.load(file)):
        return {}
    return {"kind_of_cpu": machine["cpu"], "flags": machine["flags"]}


def write(
    out: Path, kept: Attempt, model: Model, place: Path, said: Mapping[str, Any], request: Mapping[str, Any]
) -> None:
    """Write the twin: a file beside which nothing is, or a bundle with a card of its own."""
    if not place.is_dir():
        with files.atomic(out) as temporary:
            temporary.write_bytes(kept.file.read_bytes())
        return
    before = model.manifest
    assert before is not None
    metric, machine = said["metric"], said["machine"]["cpu"]
    card = copy.copy(before)
    card.outputs = open_session(kept.file).outputs
    card.metrics = {
        f"{metric['name']}_against_float": {
            **{key: kept.change[key] for key in ("points", "low", "high", "n")}, "split": "half of the examples given",
            **measured_on(kept.file, said["machine"]),
        }
    }  # fmt: skip
    card.latency = {"p50_us": kept.p50_us, **said["measured"], "machine": machine}
    card.parity = {}
    what = {key: said[key] for key in ("budget", "target", "calibration", "within_budget", "notes")}
    card.provenance = {
        **before.provenance,
        "quantized": {
            "way": kept.way,
            "float_layers": list(kept.floats),
            "from": before.files[MODEL]["sha256"],
            **what,
        },
        "before": {"metrics": before.metrics, "latency": before.latency, "parity": before.parity},
    }
    beside = {name: place / name for name in before.files if name != MODEL}
    bundle.write(out, kept.file, card, dict(request), beside)
