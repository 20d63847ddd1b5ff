"""What goes in and out of a module to be exported: declared in lines, or told by example; and the outputs' names."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from edgekit.errors import ExportError, UsageError
from edgekit.exporting.cases import BATCHES
from edgekit.exporting.structure import flatten
from edgekit.signature import DTYPES, Tensor
from edgekit.tasks import TASKS

Range = tuple[float, float]
_HEADS = {"classes": "logits", "numbers": "value", "vectors": "vector", "tokens": "logits"}


def examples(module: nn.Module, given: Any) -> dict[str, np.ndarray]:
    """Return the arrays of what a module is called with, by input name: a tensor, a tuple of those, or a dict.

    Inputs that are given by position have the names of the parameters of `forward`.
    """
    if isinstance(given, Mapping):
        named = {str(name): value for name, value in given.items()}
    else:
        values = list(given) if isinstance(given, (tuple, list)) else [given]
        known = [
            each.name
            for each in inspect.signature(module.forward).parameters.values()
            if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        ]
        names = known + [f"input_{index}" for index in range(len(known), len(values))]
        named = dict(zip(names, values, strict=False))
    try:
        tensors = dict(flatten(_tensors(named)))
    except ExportError as error:
        raise UsageError(f"of the inputs, {error}", "wrap the module in one that passes it") from None
    for name, tensor in tensors.items():
        if (dtype := str(tensor.dtype).removeprefix("torch.")) not in DTYPES:
            raise UsageError(f'the input "{name}" is {dtype}, which no app can pass', f"one of {', '.join(DTYPES)}")
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def _tensors(value: Any) -> Any:
    """Make tensors of numpy's arrays, wherever they lie in `value`."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, dict):
        return {name: _tensors(part) for name, part in value.items()}
    return type(value)(_tensors(part) for part in value) if type(value) in (tuple, list) else value


def told(arrays: Mapping[str, np.ndarray]) -> list[Tensor]:
    """Declare inputs by example: the first axis is any batch, of all inputs whose first has the size of the first's."""
    sizes = [array.shape[:1] for array in arrays.values()]
    return [
        Tensor(
            name,
            array.dtype.name,
            ("N", *array.shape[1:]) if array.ndim and array.shape[:1] == sizes[0] else array.shape,
        )
        for name, array in arrays.items()
    ]


def real(inputs: Sequence[Tensor], arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, Range]]:
    """Return `arrays` as examples of a proof where they are enough for every batch of it, and else their ranges."""
    for tensor in inputs:
        if arrays and tensor.name not in arrays:
            raise UsageError(
                f'there is no example of the input "{tensor}"', f"there are examples of {', '.join(arrays)}"
            )
        if arrays and not _fits(arrays[tensor.name], tensor):
            array = arrays[tensor.name]
            raise UsageError(
                f'the examples of "{tensor}" are {array.dtype}[{",".join(map(str, array.shape))}]',
                "give arrays of that dtype and shape",
            )
    batches = {
        arrays[tensor.name].shape[axis]
        for tensor in inputs
        for axis, dim in enumerate(tensor.shape)
        if arrays and isinstance(dim, str) and dim == inputs[0].shape[0] and axis < arrays[tensor.name].ndim
    }
    if all(size >= max(BATCHES) for size in batches):
        return dict(arrays), {}
    return {}, {
        name: (float(array.min()), float(array.max()))
        for name, array in arrays.items()
        if array.dtype.kind in "iuf" and array.size and array.min() < array.max()
    }


def count(examples: Mapping[str, np.ndarray]) -> int:
    """Return how many examples there are; UsageError where they are too few for the proof to be held on them."""
    if not examples:
        raise UsageError(f"labels are scored on {max(BATCHES)} examples at least", "give more, or leave y out")
    return len(next(iter(examples.values())))


def _fits(array: np.ndarray, tensor: Tensor) -> bool:
    """Whether `array` is of the declared dtype and shape; of a fixed first axis there may be more, all examples."""
    if array.dtype.name != tensor.dtype or array.ndim != len(tensor.shape):
        return False
    return all(
        isinstance(dim, str) or size == dim or (axis == 0 and size > dim)
        for axis, (size, dim) in enumerate(zip(array.shape, tensor.shape, strict=True))
    )


def name_outputs(found: Sequence[str], wanted: Sequence[str], inputs: Sequence[Tensor], task: str) -> list[str]:
    """Name the outputs: as wanted, or as the module's answer has them ("" for a tensor alone), else as the task says.

    An output that would be called as an input is, or as one before it, gets "_out" appended.
    """
    if wanted:
        if len(wanted) != len(found):
            has = ", ".join(name or "one tensor" for name in found)
            raise UsageError(f"{len(wanted)} outputs are named, and the module answers {len(found)}: {has}")
        names = list(wanted)
        if strange := next((name for name in names if not name or len(name.split()) != 1), None):
            raise UsageError(f'"{strange}" is no name for an output', "write it without spaces")
    else:
        purpose = TASKS.get(task)
        names = ["_".join((f"output_{name}" if name[:1].isdigit() else name).split()) for name in found]
        if len(names) == 1 and not names[0]:
            names[0] = _HEADS[purpose.answer] if purpose else "output"
    taken = {tensor.name for tensor in inputs}
    for index, name in enumerate(names):
        if name in taken and wanted:
            raise UsageError(f'the name "{name}" stands twice among inputs and outputs', "give each one of its own")
        while names[index] in taken:
            names[index] += "_out"
        taken.add(names[index])
    return names
