"""A straight line: each output is a weighted sum of the features and an offset.

Trained by gradient descent on the squared error it goes where least squares is (Gauss 1809), which is known in closed
form, so that what comes out of a run can be checked. Input (N, features) float32, normalised; output (N, outputs).
"""

from __future__ import annotations

from torch import nn


def build(features: int = 1, outputs: int = 1) -> nn.Linear:
    """Build the linear map that begins at zero, so that its seed does not matter."""
    network = nn.Linear(features, outputs)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    return network
