"""Where in an image a network found its answer: class-activation maps, of any convolutional network, by hooks.

For a network that ends in global average pooling and a linear layer this is the map of Zhou et al. 2016 (CAM): the sum
over channels of the class's weight times the last activation. Any other gets that of Selvaraju et al. 2017 (Grad-CAM)
at its last convolution, where a channel's weight is the mean gradient of the class's logit. The second is the first,
up to a factor, where the first is defined (their section 3), so one computation makes both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from edgekit import console
from edgekit.exporting.deployment import Deployed, Deployment

_SAME = 1e-4  # relative; sums in another order


class Maps(NamedTuple):
    """A map for every image, uint8 (n, h, w) with 255 where it is greatest; the method, and the layer it was read at.

    A map is 0 where nothing speaks for the class: what speaks against it is not shown.
    """

    values: np.ndarray
    method: str
    layer: str


def maps(network: nn.Module, deployment: Deployment, images: np.ndarray, classes: np.ndarray) -> Maps | None:
    """Map what in `images` (n, ...; as an app passes them) speaks for `classes` (n,) in `network`.

    None for a network without a convolution to read, or one that cannot be differentiated, which is told.
    """
    deployed = Deployed(network, replace(deployment, output="logits")).eval()
    inputs = torch.from_numpy(np.ascontiguousarray(images))
    try:
        found = _layer(network, deployed, inputs)
        if found is None:
            return None
        layer, method = found
        return Maps(_maps(network.get_submodule(layer), deployed, inputs, classes), method, layer)
    except Exception as error:  # a network may raise anything; its run is not lost for a picture
        console.say(f"no activation maps of a {type(network).__name__}: {type(error).__name__}: {error}")
        return None


def _layer(network: nn.Module, deployed: nn.Module, inputs: torch.Tensor) -> tuple[str, str] | None:
    """Find the layer to read at, in one forward pass: its name and the method, or None."""
    pooled: dict[str, torch.Tensor] = {}
    convolution: str | None = None
    heads: list[torch.Tensor] = []

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def hook(_: nn.Module, given: tuple[torch.Tensor, ...], output: object) -> None:
            nonlocal convolution
            if isinstance(module, nn.Linear):
                heads.append(given[0])
            elif isinstance(output, torch.Tensor) and output.ndim == 4 and output[0, 0].numel() > 1:
                pooled[name] = output.mean((2, 3))
                convolution = name if isinstance(module, nn.Conv2d) else convolution

        return module.register_forward_hook(hook)

    handles = [watch(name, module) for name, module in network.named_modules() if name]
    try:
        with torch.no_grad():
            deployed(inputs)
    finally:
        for handle in handles:
            handle.remove()
    for name, means in reversed(pooled.items()):
        if heads and means.shape == heads[-1].shape and torch.allclose(means, heads[-1], rtol=_SAME, atol=1e-6):
            return name, "CAM"
    return (convolution, "Grad-CAM") if convolution else None


def _maps(layer: nn.Module, deployed: nn.Module, inputs: torch.Tensor, classes: np.ndarray) -> np.ndarray:
    seen: list[torch.Tensor] = []

    def hook(_: nn.Module, __: object, output: torch.Tensor) -> torch.Tensor:
        seen.append(output.detach().requires_grad_())
        return seen[-1].clone()  # what follows may write into its input

    handle = layer.register_forward_hook(hook)
    try:
        with torch.enable_grad():
            logits = deployed(inputs)
            wanted = torch.from_numpy(classes.astype(np.int64))[:, None]
            (gradient,) = torch.autograd.grad(logits.gather(1, wanted).sum(), seen[-1])
    finally:
        handle.remove()
    weights = gradient.mean((2, 3), keepdim=True)
    found = (weights * seen[-1].detach()).sum(1).relu()
    greatest = found.amax((1, 2), keepdim=True)
    scaled = 255 * found / torch.where(greatest > 0, greatest, torch.ones_like(greatest))
    return scaled.round().to(torch.uint8).numpy()
