"""The ladder: exporters tried in order; the first whose file passes the proof is taken."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from edgekit.errors import EdgekitError, ExportError, StorageError
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.exporting.proof import BATCHES, Parity, prove
from edgekit.graph import cleaning, storage

OPSET = 18  # what torch's exporter writes without converting; every onnxruntime below reads it
# onnxruntime -> the newest IR version it reads (its own table of versions).
IR = {(1, 14): 8, (1, 16): 9, (1, 18): 10}


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
    newest_ir = _ir(deployment.min_onnxruntime)
    deployed = Deployed(network, deployment).eval()
    example = torch.from_numpy(inputs[:2].copy())
    _try(deployed, deployment, example, len(inputs))
    failures: list[str] = []
    for name, rung in RUNGS.items():
        began = time.monotonic()
        try:
            with _silence():
                model = cleaning.strip(rung(deployed, example, deployment))
                model.ir_version = min(model.ir_version, newest_ir)
                cleaning.check(model)
                storage.save(model, target)
                seconds = time.monotonic() - began
                parity = prove(deployed, target, inputs)
        except StorageError:
            raise
        except Exception as error:  # an exporter may raise anything; the ladder's next rung is the answer
            failures.append(f"{name}: {_why(error)}")
        else:
            return Exported(name, OPSET, model.ir_version, seconds, parity, failures)
    target.unlink(missing_ok=True)
    raise ExportError(
        "no exporter made a file that answers as PyTorch does; " + "; ".join(failures),
        "write that part of the model in plain operations on tensors",
    )


def _ir(minimum: str) -> int:
    wanted = tuple(int(part) for part in minimum.split("."))
    served = [newest for version, newest in IR.items() if version <= wanted]
    if not served:
        oldest = ".".join(map(str, min(IR)))
        raise ExportError(f"onnxruntime {minimum} is older than the oldest that edgekit exports for, {oldest}")
    return max(served)


def _try(deployed: Deployed, deployment: Deployment, example: torch.Tensor, examples: int) -> None:
    """Raise ExportError where nothing can come of an export, whatever the exporter."""
    if examples < max(BATCHES):
        raise ExportError(f"the proof needs {max(BATCHES)} examples, and there are {examples}")
    if not deployment.input.shape or not isinstance(deployment.input.shape[0], str):
        raise ExportError(f'"{deployment.input}" has no batch', "begin its shape with a name, such as N")
    try:
        with torch.inference_mode():
            answer = deployed(example)
    except Exception as error:
        raise ExportError(
            f"PyTorch itself fails on an input {deployment.input}: {_why(error)}",
            "the input's shape or the model's arguments are wrong",
        ) from error
    if not isinstance(answer, torch.Tensor):
        raise ExportError(f"the network answers a {type(answer).__name__}, not one tensor", "let it return its logits")


def _why(error: BaseException) -> str:
    """Give in one line what an exporter stumbled over: its own errors say it last, and speak of steps first."""
    while not isinstance(error, EdgekitError) and error.__cause__:
        error = error.__cause__
    said = str(error).strip().partition("\n")[0]
    return said if isinstance(error, EdgekitError) else ": ".join(filter(None, (type(error).__name__, said)))


def _dynamo(deployed: Deployed, example: torch.Tensor, deployment: Deployment) -> onnx.ModelProto:
    shapes = {i: torch.export.Dim(d) for i, d in enumerate(deployment.input.shape) if isinstance(d, str)}
    program = torch.onnx.export(
        deployed, (example,), dynamo=True, opset_version=OPSET, verbose=False, dynamic_shapes=(shapes,),
        input_names=[deployment.input.name], output_names=[deployment.output],
    )  # fmt: skip
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    return model


def _tracer(deployed: Deployed, example: torch.Tensor, deployment: Deployment) -> onnx.ModelProto:
    names = {i: d for i, d in enumerate(deployment.input.shape) if isinstance(d, str)}
    buffer = io.BytesIO()
    torch.onnx.export(
        deployed, (example,), buffer, dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
        input_names=[deployment.input.name], output_names=[deployment.output],
        dynamic_axes={deployment.input.name: names, deployment.output: {0: names[0]}},
    )  # fmt: skip
    return onnx.load_from_string(buffer.getvalue())


RUNGS: dict[str, Callable[[Deployed, torch.Tensor, Deployment], onnx.ModelProto]] = {
    "dynamo": _dynamo,
    "tracer": _tracer,
}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep from the user what is printed on the way, in Python and below it: what fails says why in its error."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        with Path(os.devnull).open("w") as nowhere, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for number in kept:
                os.dup2(nowhere.fileno(), number)
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                yield
    finally:
        for number, real in kept.items():
            os.dup2(real, number)
            os.close(real)
