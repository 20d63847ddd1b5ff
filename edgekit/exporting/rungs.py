"""The rungs of the ladder: ways from a PyTorch module to an ONNX graph, the best first. They judge nothing."""

from __future__ import annotations

import contextlib
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgekit.errors import DimensionError, ExportError
from edgekit.exporting.origin import Origin
from edgekit.exporting.reasons import node_module, running, why
from edgekit.graph import storage
from edgekit.signature import Tensor

OPSET = 18  # what torch's exporter writes without converting; every onnxruntime that edgekit exports for reads it

Example = tuple[torch.Tensor, ...]
_TORCH = str(Path(torch.__file__).parent)
_DECISION = re.compile(r"Converting a tensor to a (Python \w+|NumPy array)")
_SPECIALIZED = re.compile(r"marked L\['tensors'\]\[(\d+)\]\.size\(\)\[(\d+)\] .*to be a constant \((\d+)\)")


@dataclass(frozen=True)
class Program:
    """What is exported: a module in evaluation mode, what it takes and what it answers, in order."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    min_onnxruntime: str = "1.20"

    def shapes(self, named: bool = False) -> dict[str, Any]:
        """Give the dynamic dimensions as torch.export wants them; `named`: a symbol for each name, unless one is a sum.

        Without names torch.export finds itself which sizes are the same, and how large each may be.
        """
        names = {dim for tensor in self.inputs for dim in tensor.shape if isinstance(dim, str)}
        symbols: dict[str, Any] = dict.fromkeys(names, torch.export.Dim.DYNAMIC)
        if named and not any("+" in name for name in names):
            symbols = {name: torch.export.Dim(name) for name in sorted(names)}
        dynamic = ({i: symbols[d] for i, d in enumerate(t.shape) if isinstance(d, str)} for t in self.inputs)
        return {"tensors": tuple(dynamic)}

    def axes(self) -> dict[str, dict[int, str]]:
        """Give the dynamic dimensions as the tracer wants them: names by axis, for each input."""
        return {t.name: {i: d for i, d in enumerate(t.shape) if isinstance(d, str)} for t in self.inputs}


def _dynamo(program: Program, example: Example) -> Origin:
    return _converted(program, program.module, example, dynamic_shapes=program.shapes(named=True))


def _decomposed(program: Program, example: Example) -> Origin:
    return _converted(program, _captured(program, example, strict=False).run_decompositions(), ())


def _strict(program: Program, example: Example) -> Origin:
    return _converted(program, _captured(program, example, strict=True), ())


def _captured(program: Program, example: Example, strict: bool) -> torch.export.ExportedProgram:
    try:
        return torch.export.export(program.module, example, dynamic_shapes=program.shapes(), strict=strict)
    except Exception as error:  # an exporter may raise anything
        if found := _SPECIALIZED.search(str(error)):
            index, axis, size = (int(part) for part in found.groups())
            name = program.inputs[index].shape[axis]
            raise DimensionError(f'the dynamic dimension "{name}" became a constant: {size}') from error
        raise


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
    # A file has room for weights of more than 2 GB, beside it; a buffer has not.
    with tempfile.TemporaryDirectory() as folder, _decisions(program.module) as kept:
        path = Path(folder) / "traced.onnx"
        torch.onnx.export(
            program.module, example, str(path), dynamo=False, opset_version=OPSET,  # type: ignore[arg-type]
            input_names=[each.name for each in program.inputs], output_names=[each.name for each in program.outputs],
            dynamic_axes=program.axes(),
        )  # fmt: skip
        model = storage.load(path)
    return Origin(model, notes=tuple(dict.fromkeys(kept)))


@contextlib.contextmanager
def _decisions(module: nn.Module) -> Iterator[list[str]]:
    """Collect where Python decides by a tensor's value while the tracer looks, which sees one side alone."""
    kept: list[str] = []

    def note(message: Warning | str, category: type[Warning], filename: str, *_: Any) -> None:
        found = _DECISION.match(str(message))
        if found and not filename.startswith(_TORCH):  # whose own layers only look at shapes
            place = running(module, sys._getframe(1)) or "the module"
            kept.append(f"{place} makes a {found[1]} of a tensor: the graph keeps what it was for one example")

    with warnings.catch_warnings():
        warnings.simplefilter("always", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        warnings.showwarning = note  # type: ignore[assignment]
        yield kept


Rung = Callable[[Program, Example], Origin]
RUNGS: dict[str, Rung] = {
    "dynamo": _dynamo,
    "strict": _strict,  # without decompositions of ours a recurrent layer stays one, where its operator has an ONNX
    "decomposed": _decomposed,
    "tracer": _tracer,
}
