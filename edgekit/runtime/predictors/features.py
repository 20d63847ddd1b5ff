"""Vectors of numbers for a model. numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.runtime.predictors.arrays import numbers

if TYPE_CHECKING:
    from edgekit.runtime.model import Model


def read(model: Model, x: Any) -> tuple[dict[str, Any], bool]:
    """Return the feeds of one vector (F,), or of a batch (N,F), and whether it was a batch: arrays or lists."""
    return numbers(model, x, "feature vectors", "N,F")
