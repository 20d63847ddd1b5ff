"""Depthwise separable networks for small images: as few multiplications as a convolution can do with.

The block of MobileNet, Howard et al. 2017 (arXiv 1704.04861, section 3.1), a 3x3 convolution of each channel alone and
then a 1x1 across channels, with the shortcut of MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381) where a block
changes neither size nor width. Input (N, channels, H, W) float32, normalised; output (N, classes) logits.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


class Separable(nn.Module):
    """Each channel's own 3x3, then a 1x1 across them; beside it a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
        self.norm1 = nn.BatchNorm2d(inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.keeps_shape = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm2(self.pointwise(F.relu(self.norm1(self.depthwise(x)))))
        return F.relu(y + x if self.keeps_shape else y)


class MobileNet(nn.Module):
    def __init__(self, stem: int, blocks: Sequence[Sequence[int]], classes: int, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, stem, 5, 2, 2, bias=False)
        self.norm = nn.BatchNorm2d(stem)
        made: list[nn.Module] = []
        inputs = stem
        for width, stride in blocks:
            made.append(Separable(inputs, width, stride))
            inputs = width
        self.blocks = nn.Sequential(*made)
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(F.relu(self.norm(self.stem(x))))
        return self.head(x.mean((2, 3)))


def build(
    stem: int = 16,
    blocks: Sequence[Sequence[int]] = ((32, 2), (32, 1), (64, 2)),
    classes: int = 10,
    channels: int = 1,
) -> MobileNet:
    """Build a MobileNet: a 5x5 stem that halves the image, then `blocks`, each its width and its stride."""
    return MobileNet(stem, blocks, classes, channels)
