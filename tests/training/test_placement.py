from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgekit.training import placement
from edgekit.training.batches import TorchBatch

CHANNELS_LAST = torch.channels_last


class Viewing(nn.Module):
    """A network as many are written: it calls `view` on what a convolution gives."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.head = nn.Linear(4 * 9, 3)

    def forward(self, x):
        y = self.conv(x)
        return self.head(y.view(y.size(0), -1))


def plain() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten(), nn.Linear(36, 3))


def test_convolutions_are_laid_channels_last_and_taken_back_contiguous():
    module, inputs = plain().eval(), torch.rand(4, 2, 5, 5)
    before = module(inputs)
    placement.lay_out(module, inputs)
    assert module[0].weight.is_contiguous(memory_format=CHANNELS_LAST)
    assert not module[0].weight.is_contiguous()
    torch.testing.assert_close(module(inputs), before)
    placement.take_back(module.train())
    assert module[0].weight.is_contiguous()
    assert not module.training
    torch.testing.assert_close(module(inputs), before)


def test_a_network_that_calls_view_is_left_as_it_is():
    module, inputs = Viewing(), torch.rand(4, 2, 5, 5)
    placement.lay_out(module, inputs)
    assert module.conv.weight.is_contiguous()
    assert module(inputs).shape == (4, 3)


def test_a_network_without_convolutions_is_not_tried():
    calls = []
    module = nn.Linear(3, 2)
    module.register_forward_hook(lambda *_: calls.append(1))
    placement.lay_out(module, torch.rand(4, 3))
    assert calls == []


def test_trying_changes_neither_statistics_nor_random_state():
    module, inputs = plain().train(), torch.rand(4, 2, 5, 5)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    placement.lay_out(module, inputs)
    assert torch.equal(torch.get_rng_state(), state)
    assert module[1].num_batches_tracked == 0
    assert module[1].running_mean.tolist() == [0.0] * 4


@pytest.mark.parametrize("index", [None, np.arange(2)])
def test_a_placed_batch_is_the_same_batch(index):
    batch = TorchBatch(torch.rand(2, 3), torch.tensor([0, 1]), index, 4)
    there = placement.placed(batch, torch.device("cpu"))
    assert torch.equal(there.inputs, batch.inputs)
    assert torch.equal(there.targets, batch.targets)
    assert there.index is index
    assert there.view == 4
