"""The ladder: exporters tried in order; the first whose file passes the proof is taken."""

from __future__ import annotations

import contextlib
import io
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from edgekit.errors import EdgekitError, ExportError
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.exporting.proof import Parity, prove
from edgekit.graph import cleaning, storage

# onnxruntime -> the newest opset and IR version it reads (its own table of versions).
READS = {
    (1, 14): (18, 8), (1, 15): (19, 8), (1, 16): (19, 9), (1, 17): (20, 9), (1, 18): (21, 10), (1, 20): (21, 10),
}  # fmt: skip
_OPSET = 18  # what torch's exporter writes without converting; every runtime above reads it


@dataclass
class Exported:
    """A file that passed the proof: how it was made, in how many seconds, and which rungs failed why."""

    method: str
    opset: int
    ir: int
    seconds: float
    parity: Parity
    failures: list[str] = field(default_factory=list)


def export(network: nn.Module, deployment: Deployment, inputs: np.ndarray, target: Path) -> Exported:
    """Export `network` in its deployment to `target`, proved on real `inputs` (n >= 7, as an app passes them).

    Raises ExportError that says in one line per rung why none passed.
    """
    deployed = Deployed(network, deployment).eval()
    example = torch.from_numpy(inputs[:2].copy())
    try:
        with torch.inference_mode():
            deployed(example)
    except Exception as error:
        raise ExportError(
            f"PyTorch itself fails on an input {deployment.input}: {error}".splitlines()[0],
            "the input's shape or the model's arguments are wrong",
        ) from error
    failures: list[str] = []
    for name, rung in RUNGS.items():
        began = time.monotonic()
        try:
            with _silence():
                model = cleaning.strip(rung(deployed, example, deployment))
            model.ir_version = min(model.ir_version, _reads(deployment.min_onnxruntime)[1])
            cleaning.check(model)
            storage.save(model, target)
            seconds = time.monotonic() - began
            parity = prove(deployed, target, inputs)
        except EdgekitError as error:
            failures.append(f"{name}: {error}")
        except Exception as error:  # an exporter may raise anything; the ladder's next rung is the answer
            failures.append(f"{name}: {type(error).__name__}: {str(error).strip().splitlines()[0]}")
        else:
            return Exported(name, _OPSET, model.ir_version, seconds, parity, failures)
    target.unlink(missing_ok=True)
    raise ExportError("no exporter made a file that answers as PyTorch does; " + "; ".join(failures))


def _reads(minimum: str) -> tuple[int, int]:
    wanted = tuple(int(part) for part in minimum.split("."))
    served = [reads for version, reads in READS.items() if version <= wanted]
    if not served:
        oldest = ".".join(map(str, min(READS)))
        raise ExportError(f"onnxruntime {minimum} is older than the oldest that edgekit exports for, {oldest}")
    return served[-1]


def _dynamo(deployed: Deployed, example: torch.Tensor, deployment: Deployment) -> onnx.ModelProto:
    shapes = {i: torch.export.Dim(d) for i, d in enumerate(deployment.input.shape) if isinstance(d, str)}
    program = torch.onnx.export(
        deployed, (example,), dynamo=True, opset_version=_OPSET, verbose=False, dynamic_shapes=(shapes,),
        input_names=[deployment.input.name], output_names=[deployment.output],
    )  # fmt: skip
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return model


def _tracer(deployed: Deployed, example: torch.Tensor, deployment: Deployment) -> onnx.ModelProto:
    names = {i: d for i, d in enumerate(deployment.input.shape) if isinstance(d, str)}
    batch = {0: names[0]} if 0 in names else {}
    buffer = io.BytesIO()
    torch.onnx.export(
        deployed, (example,), buffer, dynamo=False, opset_version=_OPSET,  # type: ignore[arg-type]
        input_names=[deployment.input.name], output_names=[deployment.output],
        dynamic_axes={deployment.input.name: names, deployment.output: batch},
    )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


RUNGS: dict[str, Callable[[Deployed, torch.Tensor, Deployment], onnx.ModelProto]] = {
    "dynamo": _dynamo,
    "tracer": _tracer,
}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the exporters' own progress and registration warnings from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
