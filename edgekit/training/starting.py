"""Weights that a training begins from: of another network, as far as names and shapes are alike."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import nn

from edgekit import console
from edgekit.errors import ModelError


def started(network: nn.Module, weights: Path) -> nn.Module:
    """Give `network` those of `weights`, a safetensors file, that are its own by name and shape; return it.

    The first time, one line says how many they are. ModelError where none is, or the file is no such file.
    """
    given, own = _read(weights), network.state_dict()
    fitting = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        named = f"of its {len(given)} weights, as {_some(given)}, none has name and shape of one of {_some(own)}"
        raise ModelError(f'"{weights}" does not fit the network: {named}', "name the weights of a network like it")
    network.load_state_dict(fitting, strict=False)
    _tell(weights, len(fitting), len(own))
    return network


def _read(weights: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        read: dict[str, torch.Tensor] = load_file(weights)
    except SafetensorError as error:
        said = f'"{weights}" is damaged, or no safetensors file at all: {error}'
        raise ModelError(said, "get it again, or leave start out") from None
    return read


@cache
def _tell(weights: Path, fitting: int, own: int) -> None:
    console.say(f"{fitting} of {own} weights start from {weights.name}")


def _some(names: dict[str, torch.Tensor]) -> str:
    return ", ".join(list(names)[:2]) + ("…" if len(names) > 2 else "")
