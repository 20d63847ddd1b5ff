"""A module from a program that torch.export saved: a .pt2 file, which says itself what it takes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch

from edgekit import files
from edgekit.errors import ModelError, UsageError
from edgekit.exporting.structure import flatten
from edgekit.signature import Tensor
from edgekit.sources.source import Asked, Source

_LARGE = 64  # a dynamic dimension of which no more is said is not tried beyond


def from_program(asked: Asked) -> Source:
    """Load a .pt2 file; its dynamic dimensions, and the sizes they may have, are those it was saved with."""
    path = Path(asked.name)
    if asked.args or asked.weights:
        raise UsageError(f'"{path}" has its weights, and is built already', "leave --args and --weights out")
    if not path.is_file():
        raise ModelError(f'there is no file "{path}"', "torch.export.save writes one")
    try:
        program = torch.export.load(path)
    except Exception as error:  # its readers raise what they like about what they cannot read
        said = f'"{path}" cannot be read as a torch.export program: {str(error).partition(chr(10))[0]}'
        raise ModelError(said, "save it with the torch it is loaded with: torch.export.save") from error
    module = program.module(check_guards=False)
    # It is in the mode it was saved in, and refuses to be told another, or the same.
    module.train = lambda mode=True: module  # type: ignore[method-assign, assignment, misc]
    module.eval = lambda: module  # type: ignore[method-assign]
    inputs, sizes = _inputs(program, module)
    origin = {"program": path.name, "sha256": files.sha256(path)}
    return Source(_Called(module, program), path.stem, origin, {"inputs": inputs, "ranges": sizes} if inputs else {})


class _Called(torch.nn.Module):
    """A saved program, which wants by position what its example gave by position, and the rest by name."""

    def __init__(self, module: torch.nn.Module, program: torch.export.ExportedProgram) -> None:
        super().__init__()
        self.program = module
        names = list(inspect.signature(module.forward).parameters)
        self.by_position = names[: len(program.example_inputs[0])] if program.example_inputs else names

    def forward(self, **inputs: Any) -> Any:
        """Call the program on inputs by name."""
        if missing := [name for name in self.by_position if name not in inputs]:
            raise UsageError(
                f'the program takes "{missing[0]}", and it is not among {", ".join(inputs)}',
                f"call its inputs {', '.join(self.by_position)}, or leave them out: it declares them itself",
            )
        given = [inputs.pop(name) for name in self.by_position]
        return self.program(*given, **inputs)


def _inputs(
    program: torch.export.ExportedProgram, module: torch.nn.Module
) -> tuple[list[Tensor], dict[str, tuple[int, int]]]:
    """Read the signature from the program's own example, and its symbols for dynamic dimensions: N, D1, D2, ..."""
    if program.example_inputs is None:
        return [], {}
    by_position, by_name = program.example_inputs
    values = dict(zip(inspect.signature(module.forward).parameters, by_position, strict=False)) | dict(by_name)
    placed = {node.name: node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder"}
    names: dict[str, str] = {}
    sizes: dict[str, tuple[int, int]] = {}
    inputs: list[Tensor] = []
    for (name, tensor), placeholder in zip(flatten(values), program.graph_signature.user_inputs, strict=True):
        shape: list[int | str] = []
        for dim, size in zip(placed[str(placeholder)], tensor.shape, strict=True):
            if isinstance(dim, int):
                shape.append(dim)
                continue
            called = names.setdefault(str(dim), f"D{len(names)}" if names else "N")
            shape.append(called)
            if span := program.range_constraints.get(dim.node.expr):
                low, high = int(max(span.lower, 1)), int(min(span.upper, max(size, _LARGE)))
                if low > 1 or high < _LARGE:
                    sizes[called] = (low, high)
        inputs.append(Tensor(name, str(tensor.dtype).removeprefix("torch."), tuple(shape)))
    return inputs, sizes
