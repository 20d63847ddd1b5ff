"""A fully connected network with ReLU between its layers: 784-256-10 for MNIST, when nothing else is said.

LeCun et al. 1998 (doi 10.1109/5.726791, section III.C.3) measure such networks of one hidden layer. Images are laid out
as one row of pixels. Input (N, ...) float32, normalised, of `inputs` values each; output (N, classes) logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn


def build(inputs: int = 784, hidden: Sequence[int] = (256,), classes: int = 10, dropout: float = 0.0) -> nn.Sequential:
    """Build the layers `inputs` - `hidden` - `classes`; `dropout` leaves out hidden values in training."""
    layers: list[nn.Module] = [nn.Flatten()]
    for taken, given in pairwise((inputs, *hidden)):
        layers += [nn.Linear(taken, given), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear((inputs, *hidden)[-1], classes))
