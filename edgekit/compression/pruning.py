"""Structured pruning: whole channels go, with everything that hangs on them."""

from __future__ import annotations

import copy

import torch
from torch import nn

from edgekit.compression import widths
from edgekit.compression.groups import HINT, Channels, Score
from edgekit.compression.targets import Choice
from edgekit.errors import EdgekitError, ModelError


def check(network: nn.Module) -> None:
    """Raise ModelError where `network` has a recurrent layer, which torch-pruning fails on or passes over silently."""
    for name, layer in network.named_modules():
        if isinstance(layer, nn.RNNBase | nn.RNNCellBase):
            raise ModelError(
                f'the layer "{name}" is recurrent ({type(layer).__name__}), and recurrent layers cannot be pruned',
                "leave the prune stage out, and build the network with a smaller hidden size",
            )


def prune(
    network: nn.Module, example: torch.Tensor, choice: Choice, score: Score, before: nn.Module | None = None
) -> dict[str, int]:
    """Remove channels from `network`, in place; return how many stay, by the first layer of each group.

    `choice` says how many stay and `score` which. `example`: an input batch. `before`: the network before the first
    step, where there are several. Raises ModelError where the network cannot be pruned so, and where the pruned network
    could not be built again from its widths.
    """
    check(network)
    network.eval()
    old = copy.deepcopy(network)
    wanted = _answer(network, example).shape
    try:
        channels = Channels(network, example, score, before)
        kept = choice(channels.groups)
        channels.keep(kept)
        network.zero_grad()
        got = _answer(network, example)
    except EdgekitError:
        raise
    except Exception as error:  # torch-pruning raises whatever its tracing meets
        raise ModelError(f"torch-pruning cannot prune this network: {type(error).__name__}: {error}", HINT) from error
    if got.shape != wanted:
        raise ModelError(f"pruning changed the network's output from {list(wanted)} to {list(got.shape)}", HINT)
    widths.restore(old, widths.changed(widths.read(old), widths.read(network)), network.state_dict())
    if not torch.allclose(_answer(old, example), got, rtol=1e-3, atol=1e-4):
        raise ModelError("the pruned network answers otherwise when it is built again from its widths", HINT)
    return kept


def removed(before: nn.Module, network: nn.Module) -> widths.Widths:
    """Return the sizes that pruning changed. Raises ModelError where it changed none."""
    found = widths.changed(widths.read(before), widths.read(network))
    if not found:
        raise ModelError("pruning so removes nothing from this network", "ask for more, or for a smaller round_to")
    return found


def _answer(network: nn.Module, example: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        answer: torch.Tensor = network(example)
    return answer
