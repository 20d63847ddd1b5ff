from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.exporting.deployment import Deployment
from edgekit.signature import Tensor


class Small(nn.Module):
    """A network for images of 6x5 pixels and 3 channels, that calls `view` as many do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 4 * 3, 5)
        self.norm.running_mean.uniform_(-1, 1)

    def forward(self, x):
        y = torch.relu(self.norm(self.conv(x)))
        return self.head(y.view(y.size(0), -1))


@pytest.fixture(scope="session")
def small() -> nn.Module:
    return Small().eval()


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def of_images() -> Deployment:
    return Deployment(
        Tensor.parse("image: uint8[N,6,5,3]"), "probabilities", tuple("abcde"), (0.1, 0.5, 0.3), (0.2, 0.3, 0.4)
    )
