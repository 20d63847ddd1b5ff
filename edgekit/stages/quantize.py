"""Turn the model that is kept so far into 8-bit integers, calibrated on training examples."""

from __future__ import annotations

from edgekit import console, hardware
from edgekit.graph.quantization import quantize_static
from edgekit.recipe.schema import Quantize
from edgekit.stages.job import Context, Made


def run(settings: Quantize, context: Context) -> Made:
    """Make the int8 graph from the incumbent's graph."""
    assert context.graph is not None  # the incumbent was judged, so it was exported
    target = context.folder / "model.onnx"
    narrow = hardware.saturates_int8() if settings.reduce_range is None else settings.reduce_range
    console.say(f"{context.name}: calibrating on {settings.calibration_samples} training examples")
    done = quantize_static(
        context.graph,
        target,
        context.job.calibration(settings.calibration_samples),
        per_channel=settings.per_channel,
        reduce_range=narrow,
    )
    return Made(graph=target, said=done | {"reduce_range": narrow, "calibration_samples": settings.calibration_samples})
