"""Convolutions along time, for windows of sensor data: separable ones for small devices, whole ones for a teacher.

A window of C channels is an image of height 1: every block is a convolution over `kernel` steps of time with batch
normalisation and ReLU, with a shortcut where a block changes neither length nor width. A separable block is MobileNet's
(Howard et al. 2017, arXiv 1704.04861): each channel's own convolution, then a mixture of all. What is left of time is
averaged, so windows may have any length. Input (N, T, channels) float32, normalised; output (N, classes) logits.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """A convolution along time, whole or separable; beside it a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, separable: bool) -> None:
        super().__init__()
        groups = inputs if separable else 1
        self.along = nn.Conv1d(
            inputs, inputs if separable else outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.across = nn.Identity()
        if separable:
            self.across = nn.Sequential(nn.BatchNorm1d(inputs), nn.ReLU(), nn.Conv1d(inputs, outputs, 1, bias=False))
        self.norm = nn.BatchNorm1d(outputs)
        self.keeps_shape = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.across(self.along(x)))
        return F.relu(y + x if self.keeps_shape else y)


class Sensor(nn.Module):
    def __init__(
        self, channels: int, classes: int, stem: int, blocks: Sequence[Sequence[int]], kernel: int, separable: bool,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        made = [Block(channels, stem, kernel, 2, False)]
        inputs = stem
        for width, stride in blocks:
            made.append(Block(inputs, width, kernel, stride, separable))
            inputs = width
        self.blocks = nn.Sequential(*made)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.blocks(x.transpose(1, 2)).mean(2)))


def build(
    channels: int = 6,
    classes: int = 7,
    stem: int = 24,
    blocks: Sequence[Sequence[int]] = ((32, 1), (48, 2), (48, 1), (64, 2)),
    kernel: int = 7,
    separable: bool = True,
    dropout: float = 0.0,
) -> Sensor:
    """Build a stem that halves the time, then `blocks`, each its width and its stride; `dropout` before the classes."""
    return Sensor(channels, classes, stem, blocks, kernel, separable, dropout)
