from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.data.loading import load
from edgekit.data.normalizing import settled
from edgekit.data.rows import Rows, chosen, stretches
from edgekit.data.summary import summarise
from edgekit.recipe.data import Augment, Data, Normalize

MEGABYTES = 1 << 20


@pytest.fixture
def mapped(tmp_path):
    values = np.arange(40 * 6, dtype=np.float32).reshape(40, 3, 2)
    np.save(tmp_path / "x.npy", values)
    return values, np.load(tmp_path / "x.npy", mmap_mode="r")


def test_rows_are_those_of_the_array_however_they_are_asked_for(mapped):
    values, lazy = mapped
    odd = np.arange(40) % 2 == 1
    rows = chosen(chosen(lazy, odd), np.array([0, 5, 7]))
    wanted = values[odd][[0, 5, 7]]
    assert isinstance(rows, Rows) and (len(rows), rows.shape, rows.size) == (3, (3, 3, 2), 18)
    asked = (slice(None), 0), (1, slice(2), 1), (..., 1)
    for key in (1, slice(1, None), np.array([2, 0]), np.array([True, False, True]), *asked):
        assert np.array_equal(rows[key], wanted[key])
    assert np.array_equal(np.concatenate([rows, wanted]), np.concatenate([wanted, wanted]))
    assert chosen(values, odd).base is None and not isinstance(chosen(values, odd), Rows)


def test_a_fingerprint_is_the_same_of_what_is_mapped_and_of_what_is_read(mapped):
    values, lazy = mapped
    half = np.arange(20)
    read, not_read = (Split(chosen(each, half), np.zeros(20)) for each in (values, lazy))
    assert read.fingerprint == not_read.fingerprint
    assert np.array_equal(np.concatenate(list(stretches(lazy))), values)


def test_a_large_set_is_split_told_of_and_trained_on_without_being_in_memory(tmp_path):
    examples = 5_000
    images = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (examples, 64, 64, 3))
    images[:, 0, 0, 0] = np.arange(examples) % 251
    images.flush()
    np.save(tmp_path / "y.npy", np.arange(examples) % 2)
    tracemalloc.start()
    try:
        data = load(Data(source=str(tmp_path), normalize=None), tmp_path, 0)
        fingerprint, told = data.fingerprint, summarise(data, "class")
        batches = Batches(data.train, batch=16, seed=0, normalize=None, augment=Augment(shift=2))
        batch = next(batches.epoch(0))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert images.nbytes > 58 * MEGABYTES and most < 20 * MEGABYTES
    assert batch.inputs.shape == (16, 3, 64, 64) and len(fingerprint) == 64
    assert told["splits"]["test"]["examples"] == len(data.test) == 1000
    measured = settled(Normalize(measured=True), data.test)
    assert measured and measured.mean == pytest.approx(
        [data.test.inputs[..., c].mean() / 255 for c in range(3)], rel=1e-4
    )
