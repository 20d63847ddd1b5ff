"""Adversarial training of texts: a step learns from the small change of its tokens' vectors that harms it most, too.

Miyato et al. 2017 (arXiv 1605.07725) move the vectors of each text up the gradient of its loss, so that each text is
moved as far. Here the table of vectors is moved as a whole, up the gradient of the batch, so that texts that are not
learned yet are moved further, any network with an embedding can be trained so, and processes that share a batch move
alike.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from edgekit.errors import ModelError


def table(module: nn.Module) -> torch.Tensor:
    """Return the weights (tokens, width) of the embedding with the most rows that is trained; else raise ModelError."""
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Embedding)]
    found = [layer.weight for layer in layers if layer.weight.requires_grad]
    if not found:
        has = "trains no nn.Embedding" if layers else "has no nn.Embedding"
        raise ModelError(f"adversarial moves the vectors of tokens, and the network {has}", "leave it out")
    return max(found, key=len)


@contextlib.contextmanager
def moved(weights: torch.Tensor, size: float) -> Iterator[None]:
    """Within, `weights` lie `size` (the length of the move as one vector) further up their gradient."""
    gradient = weights.grad
    length = 0.0 if gradient is None else float(gradient.norm())
    if gradient is None or not 0 < length < float("inf"):  # float16 that is scaled too far: the step is left out anyway
        yield
        return
    before = weights.detach().clone()
    with torch.no_grad():
        weights.add_(gradient, alpha=size / length)
    try:
        yield
    finally:
        with torch.no_grad():
            weights.copy_(before)
