"""The widths of a pruned network: read from it, written down, and given to a freshly built one.

A model file builds the network it was written for; which of its layers pruning made narrower stands in a table
{layer: {attribute: size}}, so any model file can be pruned and built again without knowing of pruning.
"""

from __future__ import annotations

import torch
from torch import nn

from edgekit.errors import ModelError, nearest

Widths = dict[str, dict[str, int | list[int]]]
_SHOWN = 3  # faults of each kind


def read(network: nn.Module) -> Widths:
    """Return every size that pruning can change: whole numbers that layers hold, and the shapes of their tensors."""
    return {name: _numbers(layer) | _shapes(layer) for name, layer in network.named_modules()}


def _numbers(layer: nn.Module) -> dict[str, int | list[int]]:
    numbers: dict[str, int | list[int]] = {}
    for name, value in vars(layer).items():
        if type(value) is int:  # True is no number here
            numbers[name] = value
        elif isinstance(value, tuple) and value and all(type(part) is int for part in value):
            numbers[name] = list(value)
    return numbers


def _tensors(layer: nn.Module) -> dict[str, torch.Tensor]:
    return dict([*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)])


def _shapes(layer: nn.Module) -> dict[str, int | list[int]]:
    return {name: list(value.shape) for name, value in _tensors(layer).items()}


def changed(before: Widths, after: Widths) -> Widths:
    """Return the sizes of `after` that are other than in `before`: what a manifest must record."""
    found = {
        layer: {name: size for name, size in sizes.items() if before.get(layer, {}).get(name) != size}
        for layer, sizes in after.items()
    }
    return {layer: sizes for layer, sizes in found.items() if sizes}


def restore(network: nn.Module, widths: Widths, state: dict[str, torch.Tensor]) -> None:
    """Give a freshly built `network` the recorded `widths` and the weights in `state`, in place.

    Raises ModelError where the network has no such layer, and listing missing, unexpected and wrongly shaped weights.
    """
    layers = dict(network.named_modules())
    for layer, sizes in widths.items():
        if layer not in layers:
            raise ModelError(f'the recorded widths name a layer "{layer}", which this network does not have')
        tensors = _tensors(layers[layer])
        for name, size in sizes.items():
            if name in tensors:
                old = tensors[name]
                fresh = torch.empty(size, dtype=old.dtype)
                setattr(
                    layers[layer],
                    name,
                    nn.Parameter(fresh, old.requires_grad) if isinstance(old, nn.Parameter) else fresh,
                )
            else:
                setattr(layers[layer], name, tuple(size) if isinstance(size, list) else size)
    fit(network, state)


def fit(network: nn.Module, state: dict[str, torch.Tensor], where: str = "the weights") -> None:
    """Load `state` into `network`; raise ModelError that lists what does not fit."""
    own = network.state_dict()
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    other = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or unexpected or other:
        near = {name: nearest(name, missing) for name in unexpected[:_SHOWN]}
        told = [f'"{name}" is missing' for name in missing[:_SHOWN]]
        told += [
            f'"{name}" is not in the network' + (f' (nearest: "{near[name]}")' if near[name] else "")
            for name in unexpected[:_SHOWN]
        ]
        told += [
            f'"{name}" is {list(state[name].shape)}, the network\'s is {list(own[name].shape)}'
            for name in other[:_SHOWN]
        ]
        if len(missing) + len(unexpected) + len(other) > len(told):
            counts = {"missing": missing, "not in the network": unexpected, "of another shape": other}
            told.append("in all " + ", ".join(f"{len(names)} {what}" for what, names in counts.items() if names))
        raise ModelError(
            f"{where} do not fit the network: {'; '.join(told)}",
            "they are of another network, or it is built with other arguments",
        )
    network.load_state_dict(state)
