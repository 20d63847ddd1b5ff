"""Residual networks for small images: `depth` 8, 14, 20, ... of `width`, 2 * `width` and 4 * `width` channels.

The network of He et al. 2015 (arXiv 1512.03385, section 4.2), depth = 6 n + 2, with three choices for small
devices: the first convolution may take steps of 2 (a quarter of the work everywhere after it), its kernel may be
larger to see as much, and every shortcut that changes shape is a 1x1 convolution. Input (N, channels, H, W)
float32, normalised; output (N, classes) logits.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, depth: int, width: int, classes: int, channels: int, stem_stride: int, stem_kernel: int) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth {depth} is not 6 n + 2 (8, 14, 20, ...)")
        self.stem = nn.Conv2d(channels, width, stem_kernel, stem_stride, stem_kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(width)
        blocks: list[nn.Module] = []
        inputs = width
        for stage in range(3):
            for index in range((depth - 2) // 6):
                blocks.append(Block(inputs, width << stage, 2 if stage and not index else 1))
                inputs = width << stage
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(F.relu(self.norm(self.stem(x))))
        return self.head(x.mean((2, 3)))


def build(
    depth: int = 8, width: int = 16, classes: int = 10, channels: int = 1, stem_stride: int = 1, stem_kernel: int = 3
) -> ResNet:
    """Build a ResNet: `stem_stride` 2 quarters the work; `stem_kernel` 5 then keeps what the first layer sees."""
    return ResNet(depth, width, classes, channels, stem_stride, stem_kernel)
