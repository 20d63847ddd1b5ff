"""The classic small convolutional network: 3x3 convolutions, each with ReLU and a pooling of 2x2, then dense layers.

After LeNet-5, LeCun et al. 1998 (doi 10.1109/5.726791, section II.B), with today's ReLU and maximum. By default 32 and
64 channels and 64 dense units. `norm` puts batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167) behind every
layer but the last; it costs nothing once exported. Input (N, channels, H, W) float32, normalised; output (N, classes).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def build(
    widths: Sequence[int] = (32, 64),
    dense: int = 64,
    classes: int = 10,
    channels: int = 1,
    size: Sequence[int] = (28, 28),
    norm: bool = True,
    dropout: float = 0.0,
) -> nn.Sequential:
    """Build it for images of `size`, height and width; `dropout` is the share of dense units left out in training."""
    layers: list[nn.Module] = []
    for width in widths:
        layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=not norm))
        layers += [*([nn.BatchNorm2d(width)] if norm else []), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    places = (size[0] >> len(widths)) * (size[1] >> len(widths))
    layers += [nn.Flatten(), nn.Linear(channels * places, dense, bias=not norm)]
    layers += [*([nn.BatchNorm1d(dense)] if norm else []), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return nn.Sequential(*layers, nn.Linear(dense, classes))
