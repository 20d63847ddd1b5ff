"""The rungs of the ladder: ways from a PyTorch module to an ONNX graph, the best first. They judge nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from torch import nn

from edgekit.errors import ExportError
from edgekit.exporting.origin import Origin
from edgekit.exporting.reasons import node_module, why
from edgekit.signature import Tensor

OPSET = 18  # what torch's exporter writes without converting; every onnxruntime that edgekit exports for reads it

Example = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Program:
    """What is exported: a module in evaluation mode, what it takes and what it answers, in order."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    min_onnxruntime: str = "1.20"

    def shapes(self) -> dict[str, Any]:
        """Give the dynamic dimensions as torch.export wants them: one symbol for each name."""
        names = {dim for tensor in self.inputs for dim in tensor.shape if isinstance(dim, str)}
        symbols = {name: torch.export.Dim(name) for name in sorted(names)}
        dynamic = ({i: symbols[d] for i, d in enumerate(t.shape) if isinstance(d, str)} for t in self.inputs)
        return {"tensors": tuple(dynamic)}

    def axes(self) -> dict[str, dict[int, str]]:
        """Give the dynamic dimensions as the tracer wants them: names by axis, for each input."""
        return {t.name: {i: d for i, d in enumerate(t.shape) if isinstance(d, str)} for t in self.inputs}


def _dynamo(program: Program, example: Example) -> Origin:
    return _converted(program, program.module, example, dynamic_shapes=program.shapes())


def _decomposed(program: Program, example: Example) -> Origin:
    captured = torch.export.export(program.module, example, dynamic_shapes=program.shapes(), strict=False)
    return _converted(program, captured.run_decompositions(), ())


def _strict(program: Program, example: Example) -> Origin:
    captured = torch.export.export(program.module, example, dynamic_shapes=program.shapes(), strict=True)
    return _converted(program, captured, ())


def _converted(program: Program, source: Any, example: Example, **more: Any) -> Origin:
    try:
        made = torch.onnx.export(
            source, example, dynamo=True, opset_version=OPSET, verbose=False, **more,
            input_names=[each.name for each in program.inputs], output_names=[each.name for each in program.outputs],
        )  # fmt: skip
    except Exception as error:  # an exporter may raise anything
        place = node_module(error, source) if isinstance(source, torch.export.ExportedProgram) else None
        if place is None:
            raise
        raise ExportError(f"{why(error)}, in {place}") from error
    assert made is not None
    return Origin(made.model_proto, made.exported_program)


def _tracer(program: Program, example: Example) -> Origin:
    buffer = io.BytesIO()
    torch.onnx.export(
        program.module, example, buffer, dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
        input_names=[each.name for each in program.inputs], output_names=[each.name for each in program.outputs],
        dynamic_axes=program.axes(),
    )  # fmt: skip
    return Origin(onnx.load_from_string(buffer.getvalue()))


RUNGS: dict[str, Callable[[Program, Example], Origin]] = {
    "dynamo": _dynamo,
    "decomposed": _decomposed,
    "strict": _strict,
    "tracer": _tracer,
}
