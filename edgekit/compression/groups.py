"""Which channels of a network hang together, what each is worth, and how they are removed: torch-pruning's graph.

A group is what must go in step: the outputs of layers that meet in a sum, their normalisation, and the inputs of all
layers behind them (DepGraph: Fang et al. 2023, arXiv 2301.12900). How many channels a group keeps is decided elsewhere.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from edgekit import extras
from edgekit.compression import heads
from edgekit.errors import ModelError

LAYERS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
HINT = "leave the prune stage out, or write the layer that it names in another way"
# A group of torch-pruning's to an importance for each channel; None where it has nothing that could be told from.
Score = Callable[[Any], torch.Tensor | None]


@dataclass(frozen=True)
class Group:
    """Channels that are removed in step; `name` is that of the first layer that makes them.

    `channels`: how many there are, `full`: how many there were before the first step. `parts`: the equal parts that
    each lose as many (the groups of a convolution, the heads of an attention). `importance`: (channels / parts,), the
    mean over the parts. `reaches`: by layer and side ("in", "out"), how many of its sizes go with one channel.
    """

    name: str
    channels: int
    full: int
    parts: int
    importance: torch.Tensor
    reaches: Mapping[tuple[str, str], float]
    _root: Any = field(repr=False)


class Channels:
    """The groups of a network, for as long as it is as it was when this was made.

    The layer that runs last keeps its outputs, and so does every linear layer whose outputs are split into heads. A
    layer whose groups `score` cannot tell about stays whole. `before`: the network before the first step, if not this.
    """

    def __init__(
        self, network: nn.Module, example: torch.Tensor, score: Score, before: nn.Module | None = None
    ) -> None:
        pruning = extras.need("torch_pruning", "pruning")
        self._names = {layer: name for name, layer in network.named_modules()}
        self._layers = dict((before or network).named_modules())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._graph = pruning.DependencyGraph().build_dependency(network, example_inputs=example)
            whole = [last_layer(network, example), *heads.split(network, example)]
            self.groups = list(self._read(whole, score))

    def keep(self, widths: Mapping[str, int]) -> None:
        """Leave of each named group so many channels, the most important ones; change the network, in place."""
        for group in self.groups:
            removed = (group.channels - widths.get(group.name, group.channels)) // group.parts
            if removed <= 0:
                continue
            least = torch.argsort(group.importance, stable=True)[:removed].tolist()
            size = group.channels // group.parts
            indices = [part * size + index for part in range(group.parts) for index in least]
            self._graph.get_pruning_group(group._root.target.module, group._root.handler, indices).prune()

    def _read(self, whole: list[nn.Module], score: Score) -> Iterator[Group]:
        for found in self._graph.get_all_groups(ignored_layers=whole, root_module_types=list(LAYERS)):
            importance = score(found)
            if importance is None:
                continue
            root = found[0].dep
            name = self._names[root.target.module]
            full = self._layers[name]
            channels, parts = len(found[0].idxs), self._parts(found)
            yield Group(
                name,
                channels,
                int(full.out_features if isinstance(full, nn.Linear) else full.out_channels),  # type: ignore[arg-type]
                parts,
                importance.view(parts, -1).mean(0),
                self._reaches(found, channels),
                root,
            )

    def _parts(self, found: Any) -> int:
        parts = 1
        for dep, _ in found:
            layer = dep.target.module
            if isinstance(layer, nn.MultiheadAttention):
                parts = math.lcm(parts, layer.num_heads)
            elif isinstance(layer, nn.GroupNorm):
                parts = math.lcm(parts, layer.num_groups)
            elif isinstance(layer, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d) and layer.groups != layer.out_channels:
                parts = math.lcm(parts, layer.groups)
        return parts

    def _reaches(self, found: Any, channels: int) -> dict[tuple[str, str], float]:
        reaches: dict[tuple[str, str], float] = {}
        for dep, indices in found:
            layer = dep.target.module
            name = self._names.get(layer) if isinstance(layer, nn.Module) else None
            if name is None or not isinstance(layer, (*LAYERS, nn.MultiheadAttention)):
                continue
            side = "out" if self._graph.is_out_channel_pruning_fn(dep.handler) else "in"
            depthwise = getattr(layer, "groups", 1) == getattr(layer, "out_channels", 0) > 1
            both = isinstance(layer, nn.MultiheadAttention) or depthwise
            for each in ("in", "out") if both else (side,):
                # An attention projects to queries, keys, values, and what it answers.
                times = 4 if isinstance(layer, nn.MultiheadAttention) and each == "out" else 1
                reaches[name, each] = times * len(indices) / channels
        return reaches


def last_layer(network: nn.Module, example: torch.Tensor) -> nn.Module:
    """Run `example` and return the last layer with weights that ran."""
    ran: list[nn.Module] = []
    hooks = [
        layer.register_forward_hook(lambda layer, *_: ran.append(layer))
        for layer in network.modules()
        if isinstance(layer, LAYERS)
    ]
    try:
        with torch.inference_mode():
            network(example)
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ModelError("this network has no convolution or linear layer to prune")
    return ran[-1]
