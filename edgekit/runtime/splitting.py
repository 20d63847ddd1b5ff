"""Batches above a limit run in parts, and the answers are joined. numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from edgekit.errors import BundleError, UsageError
from edgekit.signature import DTYPES, Tensor


class Splitting:
    """Runs arrays by input name, never more than `most` rows at a time.

    UsageError where the model has no batch that can be cut: one named first dimension that all inputs and outputs
    share, and that stands nowhere else.
    """

    __slots__ = ("_batch", "_first", "_most", "_run")

    def __init__(
        self, run: Callable[[Any], dict[str, Any]], inputs: Sequence[Tensor], outputs: Sequence[Tensor], most: int
    ) -> None:
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise UsageError(f"max_batch is {most}, not a positive number", "leave it out to run batches whole")
        tensors = (*inputs, *outputs)
        batch = inputs[0].shape[0] if inputs and inputs[0].shape else "_"
        cut = all(t.shape[:1] == (batch,) and batch not in t.shape[1:] and t.dtype in DTYPES for t in tensors)
        if not cut or not isinstance(batch, str) or batch == "_":
            signature = f"{', '.join(map(str, inputs))} -> {', '.join(map(str, outputs))}"
            raise UsageError(
                f"max_batch needs one named first dimension that all inputs and outputs share, not {signature}",
                "leave it out, or export the model with a dynamic batch",
            )
        self._run, self._most = run, most
        self._first, self._batch = inputs[0].name, batch

    def __call__(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """Return the answers by output name, joined along the batch."""
        rows, most = len(arrays[self._first]), self._most
        if rows <= most:
            return self._run(arrays)
        parts = []
        for start in range(0, rows, most):
            part = self._run({name: array[start : start + most] for name, array in arrays.items()})
            size = min(most, rows - start)
            for name, answer in part.items():
                if answer.shape[:1] != (size,):
                    raise BundleError(
                        f'output "{name}" is {list(answer.shape)} for {size} rows, which "{self._batch}" counts',
                        "load the model without max_batch",
                    )
            parts.append(part)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
