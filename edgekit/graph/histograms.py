"""How a tensor's values are distributed, from batches in constant memory, and where to cut their range. numpy.

Outliers stretch a range, and with it the step between two 8-bit values; what is cut off saturates instead.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

Method = Literal["min-max", "percentile", "entropy"]
METHODS: tuple[Method, ...] = ("min-max", "percentile", "entropy")

_BINS = 4096  # over both signs
_ENTROPY_BINS = 512  # what the search for the least divergence looks at: its time grows with the square
_LEVELS = 128  # bins that are told apart, as TensorRT's calibration has it
_LEAST = 2.0**-64  # an edge that float32 can still divide by
_CUT = 1e-4  # the part of the values that "percentile" cuts off at either end


class Histogram:
    """Counts over [-edge, edge]; the edge doubles, and neighbours merge, when a value lies beyond it."""

    def __init__(self) -> None:
        self.counts = np.zeros(_BINS, np.int64)
        self.edge = 0.0

    def add(self, values: np.ndarray[Any, Any]) -> None:
        """Count the finite float32 `values` of a batch, of any shape."""
        flat = values.reshape(-1)
        largest = float(np.abs(flat).max(initial=0.0))
        if self.edge == 0.0:
            self.edge = 2.0 ** math.ceil(math.log2(max(largest, _LEAST)))
        while largest > self.edge:
            self._widen()
        scaled = flat * np.float32(_BINS / 2 / self.edge)
        places = np.clip(np.floor(scaled).astype(np.int32) + _BINS // 2, 0, _BINS - 1)
        self.counts += np.bincount(places, minlength=_BINS)

    def _widen(self) -> None:
        merged = self.counts.reshape(-1, 2).sum(axis=1)
        self.counts = np.zeros_like(self.counts)
        self.counts[_BINS // 4 : -_BINS // 4] = merged
        self.edge *= 2

    def cut(self, method: Method, low: float, high: float) -> tuple[float, float]:
        """Return the range to quantize within, where the values seen lie in `low`..`high`.

        "percentile" cuts one value in ten thousand off at either end; "entropy" takes the symmetric limit at which
        what 8 bits can tell apart diverges least from the values (Migacz, 8-bit inference with TensorRT, 2017).
        """
        if method == "min-max" or not self.counts.any():
            return low, high
        if method == "percentile":
            edges = np.linspace(-self.edge, self.edge, _BINS + 1)
            reached = np.cumsum(self.counts) / self.counts.sum()
            first = int(np.searchsorted(reached, _CUT, side="right"))
            last = int(np.searchsorted(reached, 1 - _CUT, side="left"))
            return max(low, float(edges[first])), min(high, float(edges[last + 1]))
        limit = self._least_divergence()
        return max(low, -limit), min(high, limit)

    def _least_divergence(self) -> float:
        """Return the limit with the least Kullback-Leibler divergence of the values from what is left of them."""
        folded = self.counts[_BINS // 2 :] + self.counts[: _BINS // 2][::-1]  # of absolute values
        counts = folded.reshape(_ENTROPY_BINS, -1).sum(axis=1).astype(np.float64)
        counts[0] = counts[1]  # zeros, of which a ReLU makes many, are exact at every step
        total = counts.sum()
        if total == 0:
            return self.edge
        best, limit = math.inf, _ENTROPY_BINS
        for size in range(_LEVELS, _ENTROPY_BINS + 1, 4):
            kept = counts[:size].copy()
            kept[-1] += counts[size:].sum()
            level = np.arange(size) * _LEVELS // size
            filled = counts[:size] > 0
            sums, cells = (np.bincount(level, each, _LEVELS) for each in (counts[:size], filled))
            told = np.where(filled, (sums / np.maximum(cells, 1))[level], 0.0)
            divergence = _divergence(kept / total, told / max(told.sum(), 1.0))
            if divergence < best:
                best, limit = divergence, size
        return limit / _ENTROPY_BINS * self.edge


def _divergence(expected: np.ndarray[Any, Any], found: np.ndarray[Any, Any]) -> float:
    there = expected > 0
    # What is expected and not there at all costs much, and not everything.
    return float((expected[there] * np.log(expected[there] / np.maximum(found[there], 1e-6))).sum())
