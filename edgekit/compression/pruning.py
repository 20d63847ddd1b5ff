"""Structured pruning: whole channels go, with everything that hangs on them, by torch-pruning's dependency graph."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from edgekit import extras
from edgekit.errors import ModelError

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def prune(network: nn.Module, example: torch.Tensor, ratio: float, round_to: int) -> None:
    """Remove about `ratio` of every layer's channels from `network`, in place, the least important first.

    Importance is the L2 norm of all weights that would go with a channel (DepGraph: Fang et al. 2023, arXiv
    2301.12900). Channels stay a multiple of `round_to`. The last layer keeps its outputs. `example`: an input batch of
    the network. Raises ModelError where the network cannot be pruned so.
    """
    pruning = extras.need("torch_pruning", "pruning")
    network.eval()
    wanted, last = _last_layer(network, example)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pruning.pruner.BasePruner(
                network, example, pruning.importance.GroupMagnitudeImportance(p=2), pruning_ratio=ratio,
                round_to=round_to, ignored_layers=[last],
            ).step()  # fmt: skip
        with torch.inference_mode():
            got = network(example).shape
    except Exception as error:  # torch-pruning raises whatever its tracing meets
        raise ModelError(
            f"torch-pruning cannot prune this network: {type(error).__name__}: {error}",
            "leave the prune stage out, or write the layer that it names in another way",
        ) from error
    if got != wanted:
        raise ModelError(f"pruning changed the network's output from {list(wanted)} to {list(got)}")


def _last_layer(network: nn.Module, example: torch.Tensor) -> tuple[torch.Size, nn.Module]:
    """Run `example` and return the output's shape and the last layer with weights that ran."""
    ran: list[nn.Module] = []
    hooks = [
        layer.register_forward_hook(lambda layer, *_: ran.append(layer))
        for layer in network.modules()
        if isinstance(layer, _LAYERS)
    ]
    try:
        with torch.inference_mode():
            shape = network(example).shape
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ModelError("this network has no convolution or linear layer to prune")
    return shape, ran[-1]
