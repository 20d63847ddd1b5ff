"""Numbers as people give them, in lists or arrays, become the batch a model takes. numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgekit.errors import BundleError, InputError
from edgekit.runtime.feeds import NUMBERS, describe, held

if TYPE_CHECKING:
    from edgekit.runtime.model import Model


def numbers(model: Model, x: Any, things: str, form: str) -> tuple[dict[str, Any], bool]:
    """Return the feeds of one of `things`, or of a batch of them, and whether it was a batch.

    `form` is a batch's, such as "N,F": a model of one numeric input of that rank takes them.
    """
    rank = form.count(",") + 1
    tensor = model.inputs[0] if len(model.inputs) == 1 else None
    if tensor is None or len(tensor.shape) != rank or tensor.dtype not in NUMBERS:
        raise BundleError(
            f'"{model.name}" takes {", ".join(map(str, model.inputs))}; '
            f"{things} are predicted by models of one numeric input [{form}]",
            "call the model with arrays",
        )
    try:
        given = np.asarray(x)
    except ValueError:
        raise InputError(f"the {things} have different lengths") from None
    if given.shape[:1] == (0,):
        return {}, True
    if given.dtype.kind not in "fiu" or given.ndim not in (rank - 1, rank):
        raise InputError(
            f"given {describe(given)} for {things}", f"give numbers ({form.partition(',')[2]}) or ({form})"
        )
    several = given.ndim == rank
    return {tensor.name: held(tensor.name, given if several else given[None], np.dtype(tensor.dtype))}, several
