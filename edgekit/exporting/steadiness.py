"""Whether a module answers the same when it is asked the same, and one example as it does beside others. Imports torch.

No proof can hold of a module that draws random numbers; exporters crash on some that change themselves while they
answer. One whose answers change with the rest of the batch can be proved, and an app that batches requests is misled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from edgekit.errors import ExportError
from edgekit.exporting.agreement import number, outside, tolerance
from edgekit.exporting.asking import plainly
from edgekit.exporting.cases import Cases
from edgekit.exporting.deployment import Deployed
from edgekit.signature import Tensor


def check(deployed: Deployed, cases: Cases, answers: Sequence[Tensor]) -> tuple[str, ...]:
    """Ask a case twice, and its first example alone; return a note where that one changes with the others.

    `answers`: the form of what `deployed` answers. Raises ExportError where the second answer is another.
    """
    sizes = next((each for each in cases.all() if each.get(cases.batch or "", 1) > 1), cases.all()[0])
    feeds = cases.at(sizes)
    first = _ask(deployed, feeds)
    for tensor, was, became in zip(answers, first, _ask(deployed, feeds), strict=True):
        if found := _apart(was, became):
            raise ExportError(
                f"the module answers otherwise when it is asked the same again: {_called(tensor)}{found[0]}"
                f" is {found[1]}, and then {found[2]}",
                "it draws random numbers, or changes while it answers: dropout wants training=self.training, and noise"
                " can be an input",
            )
    if cases.batch is None or sizes[cases.batch] < 2 or cases.ends[cases.batch][0] > 1:
        return ()
    alone = {each.name: _first(feeds[each.name], each, cases.batch) for each in cases.inputs}
    for tensor, beside, one in zip(answers, first, _ask(deployed, alone), strict=True):
        if cases.batch not in tensor.shape:
            continue
        if found := _apart(one, _first(beside, tensor, cases.batch)):
            told = f"{_called(tensor)}{found[0]} is {found[1]} alone and {found[2]} beside others"
            return (f"an example's answer depends on the rest of its batch: {told}",)
    return ()


def _ask(deployed: Deployed, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    with torch.inference_mode(), plainly():
        answers = deployed.answers(*(torch.from_numpy(array.copy()) for array in feeds.values()))
        return [tensor.numpy(force=True).copy() for _, tensor in answers]


def _first(array: np.ndarray, form: Tensor, batch: str) -> np.ndarray:
    """Return the first example of an array, along each axis that counts them."""
    for axis, dim in enumerate(form.shape):
        if dim == batch:
            array = array.take([0], axis)
    return array


def _apart(first: np.ndarray, second: np.ndarray) -> tuple[list[int], str, str] | None:
    """Say where two answers are furthest apart, beyond what is allowed, and what they are there."""
    if first.shape != second.shape:
        return [], f"of shape {list(first.shape)}", f"{list(second.shape)}"
    at = outside(second, first, tolerance(first, second))
    return None if at is None else (list(at), number(first[at]), number(second[at]))


def _called(tensor: Tensor) -> str:
    return f'"{tensor.name or "output"}"'
