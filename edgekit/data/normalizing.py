"""What inputs are normalised by: as a recipe says, or as measured on its training examples. Imports numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekit.data.dataset import Split
from edgekit.data.rows import stretches
from edgekit.errors import DataError

if TYPE_CHECKING:
    from edgekit.recipe.data import Normalize

_LEAST = 1e-6  # a feature that never varies is left as it is


def settled(said: Normalize | None, train: Split) -> Normalize | None:
    """Return the mean and standard deviation per channel or feature, rounded to 6 digits where they are measured."""
    if said is None or not said.measured:
        return said
    inputs = train.inputs
    if inputs.dtype == np.int64:
        raise DataError("data.normalize is for numbers and pixels, and the examples are token ids", "leave it out")
    axes, scale = tuple(range(inputs.ndim - 1)), 255.0 if inputs.dtype == np.uint8 else 1.0
    sums = np.zeros((2, inputs.shape[-1]))
    for part in stretches(inputs):
        values = part.astype(np.float64) / scale
        sums += values.sum(axis=axes), np.square(values).sum(axis=axes)
    mean, square = sums / (inputs.size / inputs.shape[-1])
    std = np.sqrt(np.maximum(square - mean**2, 0))
    std[std < _LEAST] = 1.0
    rounded = {name: [float(f"{value:.6g}") for value in found] for name, found in (("mean", mean), ("std", std))}
    return said.model_copy(update=rounded)
