"""The widths of a pruned network: read from it, written down, and given to a freshly built one.

A model file builds the network it was written for; which of its layers pruning made narrower stands in a table
{layer: {attribute: size}}, so any model file can be pruned and built again without knowing of pruning.
"""

from __future__ import annotations

import torch
from torch import nn

from edgekit.errors import ModelError

_SIZES: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Conv1d: ("in_channels", "out_channels", "groups"),
    nn.Conv2d: ("in_channels", "out_channels", "groups"),
    nn.ConvTranspose2d: ("in_channels", "out_channels", "groups"),
    nn.Linear: ("in_features", "out_features"),
    nn.BatchNorm1d: ("num_features",),
    nn.BatchNorm2d: ("num_features",),
    nn.GroupNorm: ("num_channels", "num_groups"),
    nn.PReLU: ("num_parameters",),
}

Widths = dict[str, dict[str, int]]


def read(network: nn.Module) -> Widths:
    """Return the sizes of every layer that pruning can change."""
    return {
        name: {size: int(getattr(layer, size)) for size in _SIZES[type(layer)]}
        for name, layer in network.named_modules()
        if type(layer) in _SIZES
    }


def changed(before: Widths, after: Widths) -> Widths:
    """Return the entries of `after` that differ from `before`: what a manifest must record."""
    return {name: sizes for name, sizes in after.items() if before.get(name) != sizes}


def restore(network: nn.Module, widths: Widths, state: dict[str, torch.Tensor]) -> None:
    """Give a freshly built `network` the recorded `widths` and the weights in `state`, in place.

    Raises ModelError listing missing, unexpected and wrongly shaped weights.
    """
    layers = dict(network.named_modules())
    for name, sizes in widths.items():
        if name not in layers:
            raise ModelError(f'the recorded widths name a layer "{name}", which this network does not have')
        for size, value in sizes.items():
            setattr(layers[name], size, value)
        for part, old in [*layers[name].named_parameters(recurse=False), *layers[name].named_buffers(recurse=False)]:
            new = state.get(f"{name}.{part}")
            if new is not None and new.shape != old.shape:
                fresh = torch.empty_like(new, dtype=old.dtype)
                setattr(layers[name], part, nn.Parameter(fresh) if isinstance(old, nn.Parameter) else fresh)
    fit(network, state)


def fit(network: nn.Module, state: dict[str, torch.Tensor], where: str = "the weights") -> None:
    """Load `state` into `network`; raise ModelError that lists what does not fit."""
    own = network.state_dict()
    faults = [f'"{name}" is missing' for name in own if name not in state]
    faults += [f'"{name}" is not in the network' for name in state if name not in own]
    faults += [
        f'"{name}" is {list(state[name].shape)}, the network\'s is {list(own[name].shape)}'
        for name in own
        if name in state and own[name].shape != state[name].shape
    ]
    if faults:
        shown = "; ".join(faults[:6]) + (f"; and {len(faults) - 6} more" if len(faults) > 6 else "")
        raise ModelError(f"{where} do not fit the network: {shown}", "check the model file's arguments in the recipe")
    network.load_state_dict(state)
