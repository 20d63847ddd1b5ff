"""What a channel is worth: the size of its weights, what the loss would change, its normalisation's scale, or chance.

Every score is an importance by group, divided by the group's mean, so that groups can be compared with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from edgekit import extras
from edgekit.compression.groups import Score
from edgekit.errors import ModelError
from edgekit.training.batches import TorchBatch

Loss = Callable[[TorchBatch, torch.Tensor], torch.Tensor]


def score(kind: str, network: nn.Module, batches: Iterable[TorchBatch], loss: Loss, seed: int) -> Score:
    """Return what tells a group's importance: by `kind`, as a recipe names it.

    "taylor" (Molchanov et al. 2019, arXiv 1906.10771) needs the gradients of `loss` over `batches`, which stay in the
    network's parameters until they are cleared. "bn-scale" (Liu et al. 2017, arXiv 1708.06519) leaves groups without
    a batch normalisation whole; ModelError where there is none at all.
    """
    known = extras.need("torch_pruning", "pruning").pruner.importance
    if kind == "random":
        return _random(seed)
    if kind == "taylor":
        _gradients(network, batches, loss)
        return _score(known.GroupTaylorImportance())
    if kind == "bn-scale":
        if not any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in network.modules()):
            raise ModelError(
                "this network has no batch normalisation whose scale could tell", "ask for importance: magnitude"
            )
        return _score(known.BNScaleImportance())
    return _score(known.GroupMagnitudeImportance(p=1 if kind == "magnitude-l1" else 2))


def _score(found: Callable[[Any], Any]) -> Score:
    def told(group: Any) -> torch.Tensor | None:
        importance = found(group)
        # Of a group that it cannot tell about torch-pruning says None, or an empty list.
        return importance.detach().cpu() if isinstance(importance, torch.Tensor) else None

    return told


def _random(seed: int) -> Score:
    generator = torch.Generator().manual_seed(seed)
    return lambda group: torch.rand(len(group[0].idxs), generator=generator)


def _gradients(network: nn.Module, batches: Iterable[TorchBatch], loss: Loss) -> None:
    network.eval()
    network.zero_grad()
    for batch in batches:
        loss(batch, network(batch.inputs)).backward()  # type: ignore[no-untyped-call]
    for parameter in network.parameters():
        if parameter.grad is None:  # frozen, or without a part in the output
            parameter.grad = torch.zeros_like(parameter)
