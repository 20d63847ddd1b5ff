"""Turn the model that is kept so far into 8-bit integers, calibrated on training examples or trained in 8 bits.

`method: static` makes one twin, in the kind that is fast on x86. `auto` makes and times every way that fits, corrects
biases, and lets layers go back to float until the budget holds on validation examples; where what is faster loses too
much all the same, the network is trained in 8 bits, as `training` does at once. The judge has the last word.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgekit import console, files, hardware
from edgekit.compression import trained_graph
from edgekit.compression.fake_quantized import FakeQuantized
from edgekit.compression.post_training import Asked, Outcome, search, side_by_side
from edgekit.compression.ways import Workshop
from edgekit.errors import ExportError, ModelError
from edgekit.graph.original import Original
from edgekit.graph.quantization import quantize_static
from edgekit.graph.schemes import Scheme
from edgekit.latency import comparison
from edgekit.latency.samples import Samples
from edgekit.measuring import predicting
from edgekit.measuring.predicting import predict
from edgekit.recipe.schema import Budget, Quantize
from edgekit.runtime.session import Session, open_session
from edgekit.stages.distill import learn
from edgekit.stages.job import Context, Job, Made
from edgekit.training.onnx_network import OnnxNetwork
from edgekit.training.randomness import seeded

_SEARCHED = "searched.json"
_BATCHES = 8  # that the first ranges of a training are found with


def run(settings: Quantize, context: Context) -> Made:
    """Make the int8 graph from the incumbent's graph, or from its network."""
    assert context.graph is not None  # the incumbent was judged, so it was exported
    if settings.method == "training":
        return _trained(settings, context)
    console.say(f"{context.name}: calibrating on {settings.calibration_samples} training examples")
    if settings.method == "static":
        return _static(settings, context)
    found = _found(settings, context, context.graph)
    if found.pop("to_train"):
        console.say(f"{context.name}: no way to quantize what is trained pays within the budget; training it in 8 bits")
        try:
            made = _trained(settings, context)
            return Made(graph=made.graph, said=made.said | {"after_training": found})
        except (ModelError, ExportError) as error:
            console.say(f"{context.name}: {error}; the nearest so far is judged")
    return Made(graph=context.folder / "model.onnx", said=found)


def check(settings: Quantize, job: Job, network: nn.Module, example: torch.Tensor) -> None:
    """Try on the untrained `network` all that a training in 8 bits does but the training, before hours are spent.

    `example`: a batch of two at least, as the network takes it. Raises ModelError or ExportError where it does not go.
    `auto` has other ways, and says so only where it comes to that.
    """
    if settings.method != "training":
        return
    rounded = FakeQuantized(network, example, _scheme(settings))
    rounded.calibrate([example])
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        trained_graph.write(rounded, job.deployment, job.inputs, Path(folder) / "model.onnx")


def _scheme(settings: Quantize) -> Scheme:
    narrow = hardware.saturates_int8() if settings.reduce_range is None else settings.reduce_range
    return Scheme("u8s7" if narrow else "u8s8", "uint8", "int8", narrow, settings.per_channel)


def _trained(settings: Quantize, context: Context) -> Made:
    """Train what is kept so far in 8 bits, and write the graph that answers as it does."""
    if context.network is None or isinstance(context.network, OnnxNetwork):
        said = f'stage "{context.name}" trains in 8 bits, and what is kept so far is an ONNX graph'
        raise ModelError(said, "method: static")
    job, scheme, target = context.job, _scheme(settings), context.folder / "model.onnx"
    with seeded(job.seed, 0):
        batches = [batch.inputs for batch in islice(job.source(settings.train, 0).epoch(0), _BATCHES)]
    network = FakeQuantized(context.network, batches[0][:2], scheme)
    network.calibrate(batches)
    learn(network, settings.train, context)
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        made = Path(folder) / "model.onnx"
        proof = trained_graph.write(network, job.deployment, job.inputs, made)
        with files.atomic(target) as temporary:
            shutil.copyfile(made, temporary)
    console.say(
        f"{context.name}: {proof.same:.2%} of the graph's 8-bit values are the trained network's, {proof.within:.2%} at"
        f" most a step off; fused kernels decide alike on {proof.decided:.1%} of the examples"
    )
    made_how = {"way": "training", "layers": network.layers, "epochs": settings.train.epochs, "proof": proof._asdict()}
    return Made(graph=target, said=made_how | scheme._asdict())


def _static(settings: Quantize, context: Context) -> Made:
    assert context.graph is not None
    target = context.folder / "model.onnx"
    narrow = _scheme(settings).reduce_range
    done = quantize_static(
        context.graph,
        target,
        predicting.calls(open_session(context.graph), context.job.calibration(settings.calibration_samples)),
        per_channel=settings.per_channel,
        reduce_range=narrow,
    )
    return Made(graph=target, said=done | {"reduce_range": narrow, "calibration_samples": settings.calibration_samples})


def _found(settings: Quantize, context: Context, graph: Path) -> dict[str, Any]:
    """Search for the best twin, and say how it was made; what was found before where an interrupted run goes on."""
    path, target = context.folder / _SEARCHED, context.folder / "model.onnx"
    known = files.read_sealed(path)
    if not known or known["key"] != context.key or not target.exists():
        budget = settings.budget or context.job.budget
        outcome = _searched(settings, context, graph, budget)
        said = _told(outcome, settings) | {"to_train": _loses(outcome, budget)}
        known = {"key": context.key, "said": said}
        files.write_sealed(path, known)
    found: dict[str, Any] = known["said"]
    return found


def _loses(outcome: Outcome, budget: Budget) -> bool:
    """Whether it is accuracy that keeps what pays from being taken: training gives that back, and no speed."""
    nearest, allowed = outcome.nearest, budget.max_drop_points
    clear = comparison.verdict(nearest.speed) == "faster" and nearest.speed["low"] > budget.min_speedup
    pays = clear or not budget.min_speedup
    return outcome.chosen is None and allowed is not None and nearest.drop > allowed and pays


def _searched(settings: Quantize, context: Context, graph: Path, budget: Budget) -> Outcome:
    """Search for the best twin; the graph of it, or else of the nearest to the budget, becomes the stage's."""
    job, target = context.job, context.folder / "model.onnx"
    asked = Asked(
        budget.max_drop_points, budget.min_speedup, budget.min_shrink, device=job.measure.device,
        threads=job.measure.threads, seconds=job.measure.seconds,
    )  # fmt: skip
    session = open_session(graph)
    calibration = predicting.calls(session, job.calibration(settings.calibration_samples))
    workshop = Workshop(Original(graph), list(calibration))

    def score(session: Session) -> np.ndarray:
        return np.atleast_1d(job.score(predict(session))["validation"])

    request = predicting.first(session, np.resize(job.inputs, (job.measure.batch, *job.inputs.shape[1:])))
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
    return outcome


def _told(outcome: Outcome, settings: Quantize) -> dict[str, Any]:
    best = outcome.chosen or outcome.nearest
    return {
        "way": best.way,
        "float_layers": list(best.floats),
        "within_budget": outcome.chosen is not None,
        "attempts": [each.to_dict() for each in outcome.attempts],
        "sensitivity": outcome.sensitivity,
        "calibration_samples": settings.calibration_samples,
    }
