"""Class-activation maps, against the formulas and against networks whose answer lies in a known place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.exporting.deployment import Deployment
from edgekit.signature import Tensor
from edgekit.workflow.activation import maps

DEPLOYMENT = Deployment(Tensor.parse("image: uint8[N,8,8,1]"), "probabilities")
IMAGES = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
CLASSES = np.array([0, 1, 2, 1, 0])


def pooled(inplace: bool = False) -> nn.Sequential:
    """A network that ends as Zhou's do."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace), nn.Conv2d(6, 4, 3, 2, 1), nn.ReLU(inplace),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    ).eval()  # fmt: skip


class Flat(nn.Module):
    """A network whose head sees places, and whose last activation is no module of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(1, 5, 3, padding=1), nn.Conv2d(5, 4, 3, 2, 1)
        self.head = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.head(self.second(torch.relu_(self.first(x))).relu_().flatten(1))
        return y


def scaled(found: torch.Tensor) -> np.ndarray:
    found = found.relu()
    values: np.ndarray = (255 * found / found.amax((1, 2), keepdim=True).clamp(min=1e-12)).round().numpy()
    return values


@pytest.mark.parametrize("inplace", [False, True], ids=["", "in place"])
def test_a_pooled_network_gets_the_map_of_zhou(inplace: bool) -> None:
    network = pooled(inplace)
    found = maps(network, DEPLOYMENT, IMAGES, CLASSES)
    assert found
    assert (found.method, found.layer) == ("CAM", "4")
    with torch.no_grad():
        features = network[:5](torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255)
        wanted = torch.einsum("nc,nchw->nhw", network[-1].weight[torch.from_numpy(CLASSES)], features)
    assert found.values.shape == (5, 4, 4)
    assert np.abs(found.values.astype(float) - scaled(wanted)).max() <= 1


def test_any_other_gets_that_of_selvaraju_at_its_last_convolution() -> None:
    network = Flat().eval()
    found = maps(network, DEPLOYMENT, IMAGES, CLASSES)
    assert found
    assert (found.method, found.layer) == ("Grad-CAM", "second")
    with torch.no_grad():
        before = network.second(network.first(torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255).relu())
        slope = network.head.weight[torch.from_numpy(CLASSES)].view(5, 4, 4, 4) * (before > 0)
        wanted = (slope.mean((2, 3), keepdim=True) * before).sum(1)
    assert np.abs(found.values.astype(float) - scaled(wanted)).max() <= 1


def test_a_map_lies_where_the_answer_is() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    with torch.no_grad():
        network[0].weight.fill_(1.0)
        network[3].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    image = np.zeros((2, 8, 8, 1), np.uint8)
    image[:, 2, 5] = 200
    found = maps(network, DEPLOYMENT, image, np.array([0, 1]))
    assert found
    assert found.values[0, 2, 5] == 255
    assert found.values[0].sum() == 255
    assert not found.values[1].any(), "what speaks against a class is not shown"


def test_a_frozen_network_and_its_gradients_are_left_as_they_are() -> None:
    network = pooled().requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert maps(network, DEPLOYMENT, IMAGES, CLASSES)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
    learner = pooled()
    assert maps(learner, DEPLOYMENT, IMAGES, CLASSES)
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_without_a_convolution_there_is_no_map() -> None:
    assert maps(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), DEPLOYMENT, IMAGES, CLASSES) is None


class Abrupt(Flat):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).detach()


def test_a_network_without_a_gradient_costs_its_map_and_not_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert maps(Abrupt(), DEPLOYMENT, IMAGES, CLASSES) is None
    assert "no activation maps of a Abrupt" in capsys.readouterr().err
