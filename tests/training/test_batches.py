from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset, WeightedRandomSampler

from edgekit.data.batches import Batches
from edgekit.errors import DataError
from edgekit.training.batches import ArraySource, LoaderSource
from edgekit.training.randomness import seeded

DATA = TensorDataset(torch.arange(20.0).view(10, 2), torch.arange(10))


def with_sampler(sampler_of):
    return DataLoader(DATA, batch_size=3, sampler=sampler_of(torch.Generator()))


LOADERS = {
    "shuffling": lambda: DataLoader(DATA, batch_size=3, shuffle=True),
    "with a generator": lambda: DataLoader(DATA, batch_size=3, shuffle=True, generator=torch.Generator()),
    "sampler with a generator": lambda: with_sampler(lambda g: RandomSampler(DATA, generator=g)),
    "weighted sampler": lambda: with_sampler(lambda g: WeightedRandomSampler(torch.ones(10), 10, generator=g)),
    "batch sampler": lambda: DataLoader(
        DATA, batch_sampler=BatchSampler(RandomSampler(DATA, generator=torch.Generator()), 3, drop_last=False)
    ),
}


def order(source: LoaderSource, epoch: int) -> list[int]:
    with seeded(0, epoch):
        return [target for batch in source.epoch(epoch) for target in batch.targets.tolist()]


def test_edgekits_own_batches_are_the_same_arrays_as_tensors(split):
    batches = Batches(split, batch=16, seed=0, normalize=None, augment=None)
    source = ArraySource(batches)
    assert source.steps == 2
    for ours, theirs in zip(source.epoch(3), batches.epoch(3), strict=True):
        assert np.array_equal(ours.inputs.numpy(), theirs.inputs)
        assert ours.inputs.dtype == torch.float32
        assert ours.targets.dtype == torch.int64
        assert np.array_equal(ours.index, theirs.index)
        assert ours.view == theirs.view


@pytest.mark.parametrize("make", LOADERS.values(), ids=LOADERS)
def test_a_loader_shuffles_anew_for_every_epoch_and_alike_whenever_it_is_run(make):
    first = LoaderSource(make())
    orders = [order(first, epoch) for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2]
    assert order(LoaderSource(make()), 2) == orders[2]  # epochs 0 and 1 were never run here


def test_a_list_of_arrays_is_a_loader():
    source = LoaderSource([(np.ones((2, 3), np.float32), [0, 1]), [np.ones((1, 3), np.float32), np.array([2])]])
    assert source.steps == 2
    batches = list(source.epoch(4))
    assert [batch.targets.tolist() for batch in batches] == [[0, 1], [2]]
    assert all(batch.index is None and batch.view == 4 for batch in batches)


def test_a_loader_without_a_length_says_what_to_give():
    with pytest.raises(DataError, match="no length") as caught:
        LoaderSource(iter([]))
    assert "DataLoader" in caught.value.hint


@pytest.mark.parametrize("batch", [torch.ones(2), (torch.ones(2),), {"x": 1, "y": 2}], ids=["bare", "one", "dict"])
def test_a_batch_that_is_no_pair_is_named(batch):
    source = LoaderSource([(torch.ones(1), torch.ones(1)), batch])
    with pytest.raises(DataError, match="batch 1 of the loader is not a pair"):
        list(source.epoch(0))
