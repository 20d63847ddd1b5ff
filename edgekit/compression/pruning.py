"""Structured pruning: whole channels go, with everything that hangs on them, by torch-pruning's dependency graph."""

from __future__ import annotations

import copy
import math
import warnings

import torch
from torch import nn

from edgekit import extras
from edgekit.compression import widths
from edgekit.errors import ModelError

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
_HINT = "leave the prune stage out, or write the layer that it names in another way"


def prune(network: nn.Module, example: torch.Tensor, ratio: float, round_to: int) -> None:
    """Remove about `ratio` of every layer's channels from `network`, in place, the least important first.

    Importance is the L2 norm of all weights that would go with a channel (DepGraph: Fang et al. 2023, arXiv
    2301.12900). What stays is the nearest multiple of `round_to`, and one multiple at least. The last layer keeps its
    outputs. `example`: an input batch of the network. Raises ModelError where the network cannot be pruned so, where
    nothing would go, and where the pruned network could not be built again from its widths.
    """
    pruning = extras.need("torch_pruning", "pruning")
    network.eval()
    before = copy.deepcopy(network)
    wanted, last = _last_layer(network, example)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pruning.pruner.BasePruner(
                network, example, pruning.importance.GroupMagnitudeImportance(p=2), pruning_ratio=ratio,
                pruning_ratio_dict=_ratios(network, ratio, round_to), ignored_layers=[last],
            ).step()  # fmt: skip
        got = _answer(network, example)
    except Exception as error:  # torch-pruning raises whatever its tracing meets
        raise ModelError(f"torch-pruning cannot prune this network: {type(error).__name__}: {error}", _HINT) from error
    if got.shape != wanted:
        raise ModelError(f"pruning changed the network's output from {list(wanted)} to {list(got.shape)}", _HINT)
    removed = widths.changed(widths.read(before), widths.read(network))
    if not removed:
        raise ModelError(
            f"a ratio of {ratio:g} in steps of {round_to} channels removes nothing from this network",
            "ask for a higher ratio, or a smaller round_to",
        )
    widths.restore(before, removed, network.state_dict())
    if not torch.allclose(_answer(before, example), got, rtol=1e-3, atol=1e-4):
        raise ModelError("the pruned network answers otherwise when it is built again from its widths", _HINT)


def _answer(network: nn.Module, example: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        answer: torch.Tensor = network(example)
    return answer


def _ratios(network: nn.Module, ratio: float, round_to: int) -> dict[nn.Module, float]:
    """Give every layer the ratio that leaves it a multiple of `round_to`; torch-pruning itself would round down."""
    ratios: dict[nn.Module, float] = {}
    for layer in network.modules():
        if isinstance(layer, _LAYERS):
            channels = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
            multiples = max(math.ceil(channels * (1 - ratio) / round_to - 0.5), 1)
            # Half a channel more: what stays is cut to a whole number.
            ratios[layer] = max(1 - (multiples * round_to + 0.5) / channels, 0.0)
    return ratios


def _last_layer(network: nn.Module, example: torch.Tensor) -> tuple[torch.Size, nn.Module]:
    """Run `example` and return the output's shape and the last layer with weights that ran."""
    ran: list[nn.Module] = []
    hooks = [
        layer.register_forward_hook(lambda layer, *_: ran.append(layer))
        for layer in network.modules()
        if isinstance(layer, _LAYERS)
    ]
    try:
        shape = _answer(network, example).shape
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ModelError("this network has no convolution or linear layer to prune")
    return shape, ran[-1]
