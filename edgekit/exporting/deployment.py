"""What is shipped around a network: pixels normalised on the way in, probabilities computed on the way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from edgekit.signature import Tensor


@dataclass(frozen=True)
class Deployment:
    """How a network meets its app.

    `input` is the tensor an app passes, its first dimension the batch. A uint8 input is an image (N, H, W, C): it
    becomes float in 0..1, is normalised by `mean` and `std` (one value per channel) and laid (N, C, H, W); any other
    input reaches the network as it is. `output` is "probabilities" (softmax over the last axis) or "logits".
    """

    input: Tensor
    output: str
    labels: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    min_onnxruntime: str = "1.20"

    @property
    def is_image(self) -> bool:
        """Whether the input is uint8 pixels."""
        return self.input.dtype == "uint8" and len(self.input.shape) == 4

    def preprocessing(self) -> dict[str, Any]:
        """Say for the manifest what the graph does to its input."""
        if not self.is_image:
            return {}
        return {
            "layout": "NHWC",
            "color": "L" if self.input.shape[-1] == 1 else "RGB",
            "scale": 1 / 255,
            "mean": list(self.mean),
            "std": list(self.std),
            "in_graph": True,
        }


class Deployed(nn.Module):
    """A network with its deployment around it: what is exported, and what the proof compares with."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, deployment: Deployment) -> None:
        super().__init__()
        self.network = network
        self.image = deployment.is_image
        self.softmax = deployment.output == "probabilities"
        self.register_buffer("mean", torch.tensor(deployment.mean or (0.0,)).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(deployment.std or (1.0,)).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map an app's input to an app's output."""
        if self.image:
            x = (x.permute(0, 3, 1, 2).to(torch.float32) / 255 - self.mean) / self.std
        y: torch.Tensor = self.network(x)
        return torch.softmax(y, -1) if self.softmax else y
