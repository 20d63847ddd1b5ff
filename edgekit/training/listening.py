"""Hears what a network's layers answer while it runs, by the layers' names. Nothing else may hook into a network."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import nn

from edgekit.errors import RecipeError, nearest
from edgekit.recipe.losses import POOLED

Heard = dict[str, torch.Tensor]

# What answers (b, n, T) along time, and what answers (b, T, n).
_CHANNELS_FIRST = (nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d, nn.InstanceNorm1d, nn.MaxPool1d, nn.AvgPool1d)
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.RNNBase)


@contextlib.contextmanager
def listening(network: nn.Module, layers: Iterable[str], who: str) -> Iterator[Heard]:
    """Yield what is filled by every run of `network` with what each of `layers` answered last, float32 (b, ...).

    What lies along time is (b, T, n) of every layer: the maps (b, n, T) of one-dimensional convolutions are turned.
    "pooled" is what the last `nn.Linear`, in the order of `named_modules`, is given. Raises RecipeError where there is
    no such layer; `who` names the network. On leaving, the network is as it was.
    """
    heard: Heard = {}
    with contextlib.ExitStack() as hooks:
        for layer in dict.fromkeys(layers):
            module = _find(network, layer, who)
            hook = (
                module.register_forward_pre_hook(_incoming(heard))
                if layer == POOLED
                else module.register_forward_hook(_outgoing(heard, layer, _channels_first(network, module)))
            )
            hooks.callback(hook.remove)
        yield heard


def _find(network: nn.Module, layer: str, who: str) -> nn.Module:
    known: dict[str, nn.Module] = {name: module for name, module in network.named_modules() if name}
    if layer == POOLED:
        linear = [module for module in known.values() if isinstance(module, nn.Linear)]
        if not linear:
            raise RecipeError(f'{who} has no nn.Linear, and so no "{POOLED}" vector', "name a layer instead")
        return linear[-1]
    if layer not in known:
        near = nearest(layer, list(known))
        shown = f"its layers are {', '.join(list(known)[:12])}" if known else "it has no layers to look into"
        raise RecipeError(f'{who} has no layer "{layer}"', f'did you mean "{near}"?' if near else shown)
    return known[layer]


def _channels_first(network: nn.Module, layer: nn.Module) -> bool | None:
    """Tell whether three dimensions that `layer` answers are (b, n, T); None where its parts are of both kinds.

    A layer that says nothing itself, such as an activation, answers as the one before it.
    """
    inside = set(layer.modules())
    told = {kind for each in inside if (kind := _kind(each)) is not None}
    if not told:
        before = list(network.modules())
        kinds = [_kind(each) for each in before[: before.index(layer)]]
        told = set([kind for kind in kinds if kind is not None][-1:])
    return None if len(told) > 1 else True in told


def _kind(module: nn.Module) -> bool | None:
    if isinstance(module, _CHANNELS_FIRST):
        return True
    return False if isinstance(module, _CHANNELS_LAST) else None


# Functions, and not methods of an object: a copy of the network, as of its average, then shares what they write to.
def _incoming(heard: Heard) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    def hook(_: nn.Module, given: tuple[Any, ...]) -> None:
        heard[POOLED] = given[0].float()

    return hook


def _outgoing(
    heard: Heard, layer: str, channels_first: bool | None
) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
    def hook(_: nn.Module, given: tuple[Any, ...], answer: Any) -> None:
        if not isinstance(answer, torch.Tensor):
            return
        if answer.ndim == 3 and channels_first is None:
            raise RecipeError(
                f'layer "{layer}" answers {list(answer.shape)}, and has convolutions and others: which is time?',
                "name a layer within it, of one kind",
            )
        heard[layer] = (answer.transpose(1, 2) if answer.ndim == 3 and channels_first else answer).float()

    return hook
