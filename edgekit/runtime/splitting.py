"""Batches that are cut along their rows, or joined: which models allow it, and running one in parts. numpy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.errors import BundleError, InputError, UsageError
from edgekit.runtime.feeds import describe
from edgekit.runtime.settings import whole
from edgekit.signature import DTYPES, Tensor


def check_batch(what: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """Raise UsageError unless all that goes in and out begins with one dynamic dimension that stands nowhere else.

    `what` needs that. Dimensions without a name ("_") may be the same one: `rows`, and the answers' rows, will tell.
    """
    tensors = (*inputs, *outputs)
    first = {dim for tensor in tensors for dim in tensor.shape[:1]}
    later = {dim for tensor in tensors for dim in tensor.shape[1:]}
    arrays = all(tensor.shape and tensor.dtype in DTYPES for tensor in tensors)
    if (
        not inputs
        or not arrays
        or any(isinstance(dim, int) for dim in first)
        or first & later
        or len(first - {"_"}) > 1
    ):
        signature = f"{', '.join(map(str, inputs)) or 'no inputs'} -> {', '.join(map(str, outputs))}"
        raise UsageError(
            f"{what} needs one dynamic first dimension that all inputs and outputs share, not {signature}",
            "export the model with a dynamic batch, or call it without",
        )


def rows(arrays: Mapping[str, Any]) -> int:
    """Return how many rows the inputs have, by their names; InputError where they differ."""
    sizes = {len(array) for array in arrays.values()}
    if len(sizes) != 1:
        given = ", ".join(f"{name}: {describe(array)}" for name, array in arrays.items())
        raise InputError(f"the inputs differ in their number of rows: {given}")
    return sizes.pop()


class Splitting:
    """Runs arrays by input name, never more than `most` rows at a time. UsageError where they cannot be cut."""

    __slots__ = ("_most", "_run")

    def __init__(
        self, run: Callable[[Any], dict[str, Any]], inputs: Sequence[Tensor], outputs: Sequence[Tensor], most: int
    ) -> None:
        self._run, self._most = run, whole("max_batch", most, "leave it out to run batches whole")
        check_batch("max_batch", inputs, outputs)

    def check(self, arrays: Mapping[str, Any]) -> None:
        """Raise InputError where these would have to be run in parts."""
        if (given := rows(arrays)) > self._most:
            raise InputError(
                f"{given} rows were bound, and max_batch is {self._most}",
                f"bind up to {self._most}, or call the model, which runs them in parts",
            )

    def __call__(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """Return the answers by output name, joined along the batch."""
        given, most = rows(arrays), self._most
        if given <= most:
            return self._run(arrays)
        parts = []
        for start in range(0, given, most):
            part = self._run({name: array[start : start + most] for name, array in arrays.items()})
            size = min(most, given - start)
            for name, answer in part.items():
                if answer.shape[:1] != (size,):
                    raise BundleError(
                        f'output "{name}" is {list(answer.shape)} for {size} rows: it does not follow the batch',
                        "load the model without max_batch",
                    )
            parts.append(part)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
