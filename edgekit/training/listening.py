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


@contextlib.contextmanager
def listening(network: nn.Module, layers: Iterable[str], who: str) -> Iterator[Heard]:
    """Yield what is filled by every run of `network` with what each of `layers` answered last, float32 (b, ...).

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
                else module.register_forward_hook(_outgoing(heard, layer))
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


# Functions, and not methods of an object: a copy of the network, as of its average, then shares what they write to.
def _incoming(heard: Heard) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    def hook(_: nn.Module, given: tuple[Any, ...]) -> None:
        heard[POOLED] = given[0].float()

    return hook


def _outgoing(heard: Heard, layer: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
    def hook(_: nn.Module, given: tuple[Any, ...], answer: Any) -> None:
        if isinstance(answer, torch.Tensor):
            heard[layer] = answer.float()

    return hook
