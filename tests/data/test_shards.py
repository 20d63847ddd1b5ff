from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from edgekit.data import shards
from edgekit.data.batches import Batches
from edgekit.data.dataset import Split, class_counts
from edgekit.data.loading import labelled, load
from edgekit.data.normalizing import settled
from edgekit.data.sources import npy
from edgekit.data.summary import summarise
from edgekit.errors import DataError
from edgekit.recipe.data import Augment, Data, Normalize, SplitRule

MEGABYTES = 1 << 20


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path_factory.mktemp("home")))


def write(folder, *lengths: int, **arrays) -> None:
    """Write each of the arrays as shards of these lengths."""
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        edges = np.cumsum([0, *lengths])
        for number, (low, high) in enumerate(pairwise(edges)):
            np.save(folder / f"{name}-{number:05d}.npy", array[low:high])


def numbered(count: int = 3000) -> dict[str, np.ndarray]:
    """Give features whose first says which row they are, three classes, and groups of ten."""
    x = np.stack([np.arange(count), np.ones(count)], axis=1).astype(np.float32)
    return {"x": x, "y": (np.arange(count) % 3).astype(np.uint8), "groups": np.arange(count) // 10}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, 700, 1, 1299, 1000, **numbered())
    return tmp_path


def loaded(folder, **said):
    return load(Data(source=str(folder), **said), folder, 0)


def test_shards_are_one_array_however_it_is_asked_for(folder):
    found, whole = npy.read(folder).train, numbered()
    some = np.array([2999, 0, 700, 701, 5])
    for array, name in ((found.inputs, "x"), (found.targets, "y"), (found.groups, "groups")):
        wanted = whole[name]
        assert (array.dtype, array.shape, array.size) == (wanted.dtype, wanted.shape, wanted.size)
        for key in (0, -1, some, slice(690, 710), some[:0], np.arange(3000) % 7 == 0, ..., slice(None)):
            assert np.array_equal(array[key], wanted[key])
    assert np.array_equal(found.inputs[:, 0], whole["x"][:, 0])
    with pytest.raises(IndexError):
        found.inputs[3000]


@pytest.mark.parametrize("by", ["seed", "hash", "group"])
def test_no_example_is_in_two_splits_and_none_is_lost(folder, by):
    data = loaded(folder, split=SplitRule(by=by))
    parts = [np.asarray(split.inputs)[:, 0].astype(int) for split in (data.train, data.validation, data.test)]
    assert sorted(np.concatenate(parts)) == list(range(3000))
    assert 540 <= len(parts[2]) <= 660 and 180 <= len(parts[1]) <= 300
    for split, rows in zip((data.train, data.validation, data.test), parts, strict=True):
        assert np.array_equal(np.asarray(split.targets), rows % 3)
        assert np.array_equal(np.asarray(split.groups), rows // 10)
    if by == "group":
        assert not set(parts[0] // 10) & set(parts[2] // 10)
    assert class_counts(data.train.targets, 3).sum() == len(data.train)


def test_how_the_rows_are_cut_into_files_changes_no_split_and_no_batch(folder, tmp_path):
    write(tmp_path / "other", 2000, 1000, **numbered())
    one, other = loaded(folder), loaded(tmp_path / "other")
    assert np.array_equal(np.asarray(one.train.inputs), np.asarray(other.train.inputs))


def test_an_epoch_of_shards_has_every_example_once_and_processes_share_its_batches(folder):
    batches = Batches(loaded(folder).train, batch=128, seed=0, normalize=None, augment=None)
    first = list(batches.epoch(0))
    index = np.concatenate([batch.index for batch in first])
    assert len(first) == batches.steps == 16 and len(set(index)) == 16 * 128
    assert index.tolist() == np.concatenate([batch.index for batch in batches.epoch(0)]).tolist()
    assert index.tolist() != np.concatenate([batch.index for batch in batches.epoch(1)]).tolist()
    parts = [list(batches.epoch(0, rank, 3)) for rank in range(3)]
    for number, batch in enumerate(first):
        assert np.array_equal(np.concatenate([each[number].inputs for each in parts]), batch.inputs)
        assert np.array_equal(batch.targets, batch.inputs[:, 0] % 3)
    in_order = np.concatenate([batch.inputs for batch in batches.in_order()])
    assert all(np.array_equal(in_order[batch.index], batch.inputs) for batch in first)
    assert np.array_equal(np.concatenate([b.inputs for b in batches.in_order(rows=range(200, 500))]), in_order[200:500])


@pytest.mark.parametrize("augment", [Augment(flip=True, shift=1, rotate=20, erase=0.5), Augment(mixup=0.4, cutmix=0.4)])
def test_a_view_of_a_picture_in_shards_is_the_same_in_every_order(tmp_path, augment):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 6, 5), dtype=np.uint8)
    write(tmp_path, 100, 200, x=pixels, y=np.arange(300) % 3)
    split = loaded(tmp_path).train
    batches = Batches(split, batch=16, seed=0, normalize=None, augment=augment, views=2)
    kept = {int(at): (x, y) for b in batches.in_order(1) for at, x, y in zip(b.index, b.inputs, b.targets, strict=True)}
    changed = 0
    for batch in batches.epoch(1):
        for at, x, y in zip(batch.index, batch.inputs, batch.targets, strict=True):
            assert np.array_equal(x, kept[int(at)][0]) and y == kept[int(at)][1]
            changed += not np.allclose(x[0] * 255, split.inputs[int(at)][..., 0])
    assert changed > 100
    if augment.mixup:
        assert {len(np.unique(batch.share)) > 1 for batch in batches.epoch(0)} == {True}


def test_a_set_that_was_opened_once_is_opened_again_without_being_read(folder, monkeypatch):
    first = loaded(folder).fingerprint
    monkeypatch.setattr(shards, "noted", None)
    assert loaded(folder).fingerprint == first


def test_a_changed_file_changes_the_fingerprint(folder):
    first = loaded(folder).fingerprint
    x = np.load(folder / "x-00003.npy")
    x[0, 1] = 2
    np.save(folder / "x-00003.npy", x)
    assert loaded(folder).fingerprint != first != loaded(folder, test_fraction=0.3).fingerprint


def test_unlabelled_examples_join_those_of_shards(folder, tmp_path):
    write(tmp_path / "more", 50, **{name: array[:50] for name, array in numbered().items()})
    data = loaded(folder, unlabelled=str(tmp_path / "more"))
    assert len(data.train) == 2160 + 50 and set(data.train.targets[2160:]) == {-1}
    assert len(labelled(data.train)) == 2160
    assert len(data.train.fingerprint) == 64
    assert summarise(data, "class")["splits"]["train"]["unlabelled"] == 50


def test_nothing_is_kept_for_every_example(tmp_path):
    count = 200_000
    write(tmp_path, *[50_000] * 4, x=np.zeros((count, 64), np.float32), y=np.arange(count) % 2)
    tracemalloc.start()
    try:
        data = loaded(tmp_path)
        fingerprint = data.fingerprint
        batches = Batches(data.train, batch=64, seed=0, normalize=None, augment=Augment(mixup=0.5))
        shown = sum(len(batch.targets) for _, batch in zip(range(300), batches.epoch(0), strict=False))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6 * MEGABYTES  # the rows are 49 MiB; an order that is kept would be 1.6 for every split
    assert shown == 300 * 64 and len(fingerprint) == 64


def test_a_large_single_file_is_read_as_a_shard_is(folder, tmp_path, monkeypatch):
    for name, array in numbered().items():
        (tmp_path / "single").mkdir(exist_ok=True)
        np.save(tmp_path / "single" / f"{name}.npy", array)
    monkeypatch.setattr(npy, "LARGE", 3000)
    single, several = loaded(tmp_path / "single"), loaded(folder)
    assert np.array_equal(np.asarray(single.train.inputs), np.asarray(several.train.inputs))
    monkeypatch.setattr(npy, "LARGE", 3001)
    assert not np.array_equal(np.asarray(loaded(tmp_path / "single").train.inputs), np.asarray(several.train.inputs))


def test_repeated_examples_are_estimated_from_a_part_of_many(tmp_path, monkeypatch):
    x = np.arange(6000, dtype=np.float32).reshape(-1, 1) % 5000
    write(tmp_path, 6000, x=x, y=np.arange(6000) % 2)
    told = summarise(loaded(tmp_path), "class")
    monkeypatch.setattr("edgekit.data.summary._LOOKED", 2000)
    part = summarise(loaded(tmp_path), "class")
    assert (told["counted"], part["counted"]) == (1, 1 / 3)
    both = [sum(each["both"].values()) + sum(s["repeated"] for s in each["splits"].values()) for each in (told, part)]
    assert both[0] == 1000 and 800 < both[1] < 1200


def test_what_is_measured_is_that_of_the_rows(folder):
    found = settled(Normalize(measured=True), loaded(folder).train)
    rows = np.asarray(loaded(folder).train.inputs, np.float64)
    assert found and found.mean == pytest.approx(rows.mean(axis=0), rel=1e-5)


def shorter(folder) -> None:
    np.save(folder / "y-00002.npy", np.zeros(1298, np.uint8))


def truncated(folder) -> None:
    (folder / "x-00002.npy").write_bytes((folder / "x-00002.npy").read_bytes()[:-8])


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda f: (f / "x-00001.npy").unlink(), r'x-00001\.npy" is missing'),
        (lambda f: (f / "y-00003.npy").unlink(), r"holds x-00003\.npy and no y-00003\.npy"),
        (lambda f: np.save(f / "x-00001.npy", np.zeros((1, 2))), r'x-00001\.npy" holds float64 \[1, 2\], and "x-00000'),
        (lambda f: np.save(f / "x-00001.npy", np.zeros((1, 3), np.float32)), r"x-00001\.npy\" holds float32 \[1, 3\]"),
        (truncated, r'x-00002\.npy" cannot be read'),
        (shorter, r'x-00002\.npy" has 1299 examples, and "y-00002\.npy" 1298'),
        (lambda f: np.save(f / "y-00001.npy", np.array([9], np.uint8)), None),
        (lambda f: np.save(f / "x-00001.npy", np.full((1, 2), np.nan, np.float32)), r"x-00001.*example 0 holds NaN"),
        (lambda f: np.save(f / "y-00001.npy", np.array([-1], np.int8)), r"y-00001\.npy\" holds int8"),
        (lambda f: np.save(f / "x.npy", np.zeros((1, 2))), r"holds x\.npy and x-00000\.npy"),
        (lambda f: np.save(f / "groups-00001.npy", np.array(["a"])), r"groups-00001\.npy"),
    ],
    ids=[
        "a number is missing", "no labels", "another dtype", "another width", "truncated", "lengths differ",
        "a class more", "not a number", "labels of another dtype", "shards and one file", "named groups",
    ],
)  # fmt: skip
def test_shards_that_do_not_fit_are_told_by_their_file(folder, harm, told):
    harm(folder)
    if told is None:
        with pytest.raises(DataError, match="no training example of class"):
            loaded(folder)
        told = r"y-00001\.npy\": the label of example 0 is \"9\""
        folder_said = {"labels": ["a", "b", "c"]}
    else:
        folder_said = {}
    with pytest.raises(DataError, match=told) as caught:
        loaded(folder, **folder_said)
    assert caught.value.hint


def test_a_split_of_arrays_in_memory_hashes_as_ever():
    split = Split(np.zeros((2, 3), np.float32), np.array([0, 1]))
    assert split.fingerprint == "65ad70f621552e5d118c93a93d4d3e02d9e72a1fa431c5b8731f03a27f3c75a4"
