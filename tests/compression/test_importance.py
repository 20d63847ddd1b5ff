from __future__ import annotations

import pytest
import torch
from torch import nn

from edgekit.compression import importance, pruning, targets
from edgekit.compression.groups import Channels
from edgekit.errors import ModelError
from edgekit.training.batches import TorchBatch

INPUTS = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
BATCHES = [TorchBatch(INPUTS, torch.arange(16) % 2, None, 0)]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)).eval()


def loss(batch: TorchBatch, outputs: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(outputs, batch.targets)


def told(kind: str, of: nn.Module, seed: int = 0) -> torch.Tensor:
    (group,) = Channels(of, INPUTS, importance.score(kind, of, BATCHES, loss, seed)).groups
    return group.importance


@pytest.mark.parametrize(("kind", "power"), [("magnitude", 2), ("magnitude-l1", 1)])
def test_magnitude_is_the_norm_of_all_weights_that_go_with_a_channel(kind, power):
    of = network()
    first, norm, last = of[0].weight.detach(), of[1].weight.detach(), of[3].weight.detach()
    sums = first.abs().pow(power).sum(1) + norm.abs().pow(power) + last.abs().pow(power).sum(0)
    torch.testing.assert_close(told(kind, of), sums / sums.mean())


def test_the_scale_of_the_batch_norm_decides_where_it_is_asked():
    of = network()
    with torch.no_grad():
        of[1].weight.copy_(torch.arange(8.0))
    torch.testing.assert_close(told("bn-scale", of), torch.arange(8.0) / 3.5)


def test_without_a_batch_norm_there_is_no_scale():
    with pytest.raises(ModelError, match="no batch normalisation") as caught:
        told("bn-scale", nn.Sequential(nn.Linear(3, 8), nn.Linear(8, 2)))
    assert "magnitude" in caught.value.hint


def test_taylor_sees_what_magnitude_does_not():
    """A channel with large weights that never fires costs the loss nothing."""
    of = network()
    with torch.no_grad():
        of[0].weight[5] *= 100
        of[0].bias[5] = -1e6
    assert told("magnitude", of).argmax() == 5
    assert told("taylor", of).argmin() == 5


def test_taylor_asks_every_batch_and_leaves_no_gradients_behind():
    of = network()
    of[3].weight.requires_grad_(False)
    score = importance.score("taylor", of, BATCHES * 2, loss, 0)
    twice = of[0].weight.grad.clone()
    importance.score("taylor", of, BATCHES, loss, 0)
    torch.testing.assert_close(twice, 2 * of[0].weight.grad)
    pruning.prune(of, INPUTS, targets.uniform(0.5, 1), score)
    assert all(parameter.grad is None for parameter in of.parameters())


def test_chance_is_drawn_from_the_seed():
    of = network()
    assert torch.equal(told("random", of, 1), told("random", of, 1))
    assert not torch.equal(told("random", of, 1), told("random", of, 2))
