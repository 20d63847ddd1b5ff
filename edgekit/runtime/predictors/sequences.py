"""Windows of a time series for a model: T moments of C channels each. numpy alone.

The axes stand as the model has them, and nothing is scaled: what a sensor gives is normalised inside the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgekit.runtime.predictors.arrays import numbers

if TYPE_CHECKING:
    from edgekit.runtime.model import Model


def read(model: Model, x: Any) -> tuple[dict[str, Any], bool]:
    """Return the feeds of one window (T,C), or of a batch (N,T,C), and whether it was a batch: arrays or lists."""
    return numbers(model, x, "windows", "N,T,C")
