"""Examples shared out between calibration and judging, so that none serves both. numpy; no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.errors import DataError
from edgekit.signature import Tensor

FEWEST = 32  # examples of which half are calibrated on and half judged


@dataclass(frozen=True)
class Shared:
    """Examples by input name: those to calibrate on, those to judge on, and the labels of the latter, if there are."""

    calibration: dict[str, np.ndarray]
    judging: dict[str, np.ndarray]
    labels: np.ndarray | None
    notes: tuple[str, ...] = ()


def share(
    examples: dict[str, np.ndarray], labels: np.ndarray | None, inputs: list[Tensor], most: int = 512, seed: int = 0
) -> Shared:
    """Draw half of the examples, and no more than `most`, to calibrate on; the rest is judged on.

    Raises DataError where they are too few, differ in number, do not fit the inputs, or say nothing.
    """
    counts = {len(array) for array in examples.values()} | ({len(labels)} if labels is not None else set())
    if len(counts) > 1:
        said = ", ".join(f"{name} {len(array)}" for name, array in examples.items())
        raise DataError(f"the numbers of examples differ: {said}" + ("" if labels is None else f", y {len(labels)}"))
    (count,) = counts
    if count < FEWEST:
        raise DataError(f"there are {count} examples, and {FEWEST} are the fewest", "a few hundred calibrate well")
    notes = []
    for tensor in inputs:
        array = examples[tensor.name]
        if array.dtype.name != tensor.dtype or not _fits(array, tensor):
            given = f"{array.dtype}[{','.join(map(str, array.shape))}]"
            raise DataError(f'the examples are {given}, and the model takes "{tensor}"', "give what an app passes")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f'the examples of "{tensor.name}" contain NaN or infinities', "look at where they are from")
        if array.dtype.kind in "fu" and array.size and array.min() == array.max():
            raise DataError(
                f'all examples of "{tensor.name}" are {array.min():g} throughout', "give real ones, of many kinds"
            )
        if array.dtype.name == "uint8" and array.max(initial=0) <= 1:
            notes.append(f'"{tensor}": no example has a value above 1; were they divided by 255 already?')
        notes += [
            f'"{tensor}": {dim} is {array.shape[axis]} in every example; other sizes were not calibrated'
            for axis, dim in enumerate(tensor.shape)
            if axis and isinstance(dim, str)
        ]
    order = np.random.default_rng(seed).permutation(count)
    first, rest = np.split(order, [min(most, count // 2)])
    return Shared(
        {name: array[first] for name, array in examples.items()},
        {name: array[rest] for name, array in examples.items()},
        None if labels is None else labels[rest],
        tuple(notes),
    )


def _fits(array: np.ndarray, tensor: Tensor) -> bool:
    """Whether examples, along the first axis, fit an input; a fixed batch is fed as many at a time."""
    return array.ndim == len(tensor.shape) and all(
        isinstance(dim, str) or size == dim for dim, size in zip(tensor.shape[1:], array.shape[1:], strict=True)
    )
