from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.locks import Device
from edgekit.recipe.data import Augment
from edgekit.recipe.networks import Train
from edgekit.training.batches import ArraySource, LoaderSource
from edgekit.training.loop import HISTORY, fit
from edgekit.training.objective import Supervised


@pytest.fixture
def device() -> Iterator[Device]:
    made = Device("cpu")
    yield made
    made.close()


@pytest.fixture
def split() -> Split:
    """Give 44 pictures of 6x5 pixels, in 3 classes that the brightness of two rows tells apart."""
    draw = np.random.default_rng(0)
    targets = draw.integers(0, 3, 44)
    pixels = draw.integers(0, 100, (44, 6, 5, 1), dtype=np.uint8)
    for index, target in enumerate(targets):
        pixels[index, 2 * target : 2 * target + 2] += 120
    return Split(pixels, targets)


class Net(nn.Module):
    """A few hundred weights, with all that a resumed training must bring back: statistics and a dropout."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.conv = nn.Conv2d(1, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(4 * 4 * 3, 3)

    def forward(self, x):
        return self.head(self.drop(torch.relu(self.norm(self.conv(x)))).flatten(1))


@pytest.fixture
def network() -> type[nn.Module]:
    return Net


@pytest.fixture
def settings() -> Callable[..., Train]:
    return lambda **said: Train(**{"epochs": 3, "batch": 12, "learning_rate": 0.05, **said})


@pytest.fixture
def equal() -> Callable[[nn.Module, nn.Module], bool]:
    """Tell whether two networks have the same weights and statistics, bit by bit."""

    def same(one: nn.Module, other: nn.Module) -> bool:
        pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        return all(torch.equal(*pair) for pair in pairs)

    return same


@pytest.fixture
def train(tmp_path, device):
    """Train and return the history without its seconds."""

    def run(module, source, said: Train, objective=None, folder="stage", key="key"):
        objective = objective or Supervised()
        place = tmp_path / folder
        fit(module, source, objective, said, name="net", folder=place, key=key, seed=3, device=device)
        lines = [json.loads(line) for line in (place / HISTORY).read_text().splitlines()]
        return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]

    return run


@pytest.fixture
def arrays(split):
    return lambda: ArraySource(
        Batches(split, batch=12, seed=3, normalize=None, augment=Augment(flip=True, erase=0.2), views=2)
    )


@pytest.fixture
def loader(split: Split) -> Callable[..., LoaderSource]:
    """Give the same examples by a torch DataLoader that shuffles."""

    def make(generator: torch.Generator | None = None) -> LoaderSource:
        data = TensorDataset(torch.from_numpy(split.inputs).permute(0, 3, 1, 2) / 255, torch.from_numpy(split.targets))
        return LoaderSource(DataLoader(data, batch_size=12, shuffle=True, generator=generator))

    return make
