"""Turn the model that is kept so far into 8-bit integers, calibrated on training examples.

`method: static` makes one twin, in the kind that is fast on x86. `auto` makes and times every way that fits, corrects
biases, and lets layers go back to float until the budget holds on validation examples; the judge has the last word.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgekit import console, files, hardware
from edgekit.compression.post_training import Asked, Outcome, search, side_by_side
from edgekit.compression.ways import Workshop
from edgekit.graph.original import Original
from edgekit.graph.quantization import quantize_static
from edgekit.judging import predict
from edgekit.latency.samples import Samples
from edgekit.recipe.schema import Quantize
from edgekit.runtime.session import Session
from edgekit.stages.job import Context, Made


def run(settings: Quantize, context: Context) -> Made:
    """Make the int8 graph from the incumbent's graph."""
    assert context.graph is not None  # the incumbent was judged, so it was exported
    console.say(f"{context.name}: calibrating on {settings.calibration_samples} training examples")
    return _searched(settings, context, context.graph) if settings.method == "auto" else _static(settings, context)


def _static(settings: Quantize, context: Context) -> Made:
    assert context.graph is not None
    target = context.folder / "model.onnx"
    narrow = hardware.saturates_int8() if settings.reduce_range is None else settings.reduce_range
    done = quantize_static(
        context.graph,
        target,
        context.job.calibration(settings.calibration_samples),
        per_channel=settings.per_channel,
        reduce_range=narrow,
    )
    return Made(graph=target, said=done | {"reduce_range": narrow, "calibration_samples": settings.calibration_samples})


def _searched(settings: Quantize, context: Context, graph: Path) -> Made:
    job, target = context.job, context.folder / "model.onnx"
    budget = settings.budget or job.budget
    asked = Asked(
        budget.max_drop_points, budget.min_speedup, device=job.measure.device, threads=job.measure.threads,
        seconds=job.measure.seconds,
    )  # fmt: skip
    workshop = Workshop(Original(graph), list(job.calibration(settings.calibration_samples)))

    def score(session: Session) -> np.ndarray:
        return np.atleast_1d(job.score(predict(session))["validation"])

    request = {job.deployment.input.name: np.resize(job.inputs, (job.measure.batch, *job.inputs.shape[1:]))}
    timed = side_by_side(request, asked)

    def timer(named: Mapping[str, Path]) -> Mapping[str, Samples]:
        with context.device.quiet():
            return timed(named)

    def tell(line: str) -> None:
        console.say(f"{context.name}: {line}")

    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        outcome = search(workshop, score, timer, asked, Path(folder), tell)
        best = outcome.chosen or outcome.nearest  # the judge undoes what does not do, and says why
        with files.atomic(target) as temporary:
            shutil.copyfile(best.file, temporary)
    return Made(graph=target, said=_told(outcome, settings))


def _told(outcome: Outcome, settings: Quantize) -> dict[str, object]:
    best = outcome.chosen or outcome.nearest
    return {
        "way": best.way,
        "float_layers": list(best.floats),
        "within_budget": outcome.chosen is not None,
        "attempts": [each.to_dict() for each in outcome.attempts],
        "sensitivity": outcome.sensitivity,
        "calibration_samples": settings.calibration_samples,
    }
