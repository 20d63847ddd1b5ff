"""Networks that keep a state from token to token: what one step of them takes and answers. Imports torch.

Such a network has an attribute `states`, name -> shape behind the batch, as {"h": (2, 128)}. It answers `forward(ids)`,
windows (N,T) read from zero states, with logits (N,T,V), and `forward(ids, *states)` with (logits, *states). What is
exported is one step, `ids: int64[N,1]`, with each state as an input of its name and an output `next_NAME`: an app keeps
it, and reads on where it left off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn

from edgekit.errors import ExportError
from edgekit.exporting.deployment import Deployment
from edgekit.runtime.states import NEXT
from edgekit.signature import Tensor

_READ = 16  # tokens that the states of a proof have seen, at most


def states(network: nn.Module, tensor: Tensor) -> list[Tensor]:
    """Return the states that `network` says it keeps, batched as its input `tensor` is; [] where it keeps none."""
    said = getattr(network, "states", None)
    if not said:
        return []
    fits = isinstance(said, Mapping) and all(
        isinstance(shape, (tuple, list)) and all(isinstance(size, int) and size > 0 for size in shape)
        for shape in said.values()
    )
    if not fits:
        raise ExportError(f"states of {type(network).__name__} is {said!r}", 'write it as {"h": (2, 128)}')
    if len(tensor.shape) != 2:
        raise ExportError(f'a network with states reads tokens [N,T], not "{tensor}"')
    return [Tensor(name, "float32", (tensor.shape[0], *shape)) for name, shape in said.items()]


def one_step(deployment: Deployment) -> Deployment:
    """Return the deployment of one token at a time."""
    tensor = deployment.input
    return dataclasses.replace(deployment, input=Tensor(tensor.name, tensor.dtype, (tensor.shape[0], 1)))


def examples(network: nn.Module, tensor: Tensor, kept: Sequence[Tensor], inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return examples for the proof, by input name: `inputs`, or of a network with states real tokens and real states.

    The states are those after the first row's text, after the beginning (zeros), and after texts of several lengths.
    """
    if not kept:
        return {tensor.name: inputs}
    state = [torch.zeros(len(inputs), *(size for size in each.shape[1:] if isinstance(size, int))) for each in kept]
    ids = torch.from_numpy(np.array(inputs[:, :_READ]))
    # Row 1 has read nothing; the others all of it, or all but the last 1, 2, ...
    read = [0 if row == 1 else max(1, ids.shape[1] - max(0, row - 1)) for row in range(len(ids))]
    network.eval()
    with torch.inference_mode():
        whole = network(ids)
        for place in range(ids.shape[1]):
            logits, *after = network(ids[:, place : place + 1], *state)
            if len(after) != len(kept):
                raise ExportError(
                    f"{type(network).__name__} answers {len(after)} of its {len(kept)} states",
                    "let forward(ids, *states) return the logits and then every state",
                )
            _check(network, logits[0, 0], whole[0, place], place)
            reads = torch.tensor([place < length for length in read])
            state = [
                torch.where(reads.view(-1, *[1] * (old.ndim - 1)), new, old)
                for old, new in zip(state, after, strict=True)
            ]
    found = {each.name: value.numpy() for each, value in zip(kept, state, strict=True)}
    return {tensor.name: np.ascontiguousarray(inputs[:, -1:]), **found}


def _check(network: nn.Module, stepped: torch.Tensor, whole: torch.Tensor, place: int) -> None:
    """Raise ExportError where step by step the network answers otherwise than it was trained to."""
    if not torch.allclose(stepped, whole, atol=1e-4, rtol=1e-3):
        far = float((stepped - whole).abs().max())
        raise ExportError(
            f"{type(network).__name__} answers otherwise step by step than at once: by {far:.2g} at token {place}",
            "forward(ids) and forward(ids, *states) must be the same function",
        )


def answered(kept: Sequence[Tensor], answers: Sequence[Tensor]) -> list[Tensor]:
    """Return the outputs that go on as states; ExportError where one is not what the network takes."""
    for state, answer in zip(kept, answers, strict=True):
        if (answer.dtype, answer.shape) != (state.dtype, state.shape):
            found = f"{answer.dtype}[{','.join(map(str, answer.shape))}]"
            raise ExportError(f'the network takes the state "{state}", and answers {found}', "let it answer the same")
    return [Tensor(NEXT + state.name, state.dtype, state.shape) for state in kept]
