"""Which linear layers' outputs a network splits into heads: removing some would mix up the heads. torch alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_SPLITTING = (torch.reshape, torch.Tensor.reshape, torch.Tensor.view, torch.unflatten, torch.Tensor.unflatten)


def split(network: nn.Module, example: torch.Tensor) -> list[nn.Module]:
    """Run `example` and return the linear layers whose outputs get another last dimension before a layer takes them."""
    watching = _Watching()
    hooks = [
        layer.register_forward_hook(lambda layer, _, answer: watching.made(layer, answer))
        for layer in network.modules()
        if isinstance(layer, nn.Linear)
    ]
    try:
        with torch.inference_mode(), watching:
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    return watching.found


class _Watching(TorchFunctionMode):
    """Follows what linear layers answered through all that is computed from it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[nn.Module] = []
        # The tensor is kept with the layers it came from: another must not get its place in memory.
        self._origins: dict[int, tuple[torch.Tensor, set[nn.Module]]] = {}

    def made(self, layer: nn.Module, answer: torch.Tensor) -> None:
        """Note that `answer` is what `layer` said."""
        self._origins[id(answer)] = (answer, {layer})

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call `func`, and note from which layers comes what it answers."""
        answer = func(*args, **(kwargs or {}))
        given = [each for each in _tensors([*args, *(kwargs or {}).values()]) if id(each) in self._origins]
        origins = set().union(*(self._origins[id(each)][1] for each in given))
        if func in _SPLITTING and given and given[0].shape[-1:] != answer.shape[-1:]:
            self.found += [layer for layer in origins if layer not in self.found]
        elif origins and func is not torch.nn.functional.linear:
            for each in _tensors([answer]):
                self._origins[id(each)] = (each, origins)
        return answer


def _tensors(values: Iterable[Any]) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _tensors(value)
    return found
