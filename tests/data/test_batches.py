from __future__ import annotations

import json

import numpy as np
import pytest

from edgekit.data.batches import Batches
from edgekit.data.dataset import Split
from edgekit.errors import DataError
from edgekit.recipe.data import Augment, Normalize

AUGMENT = Augment(flip=True, shift=1, erase=0.5)
MIXED = Augment(flip=True, shift=1, mixup=0.5, cutmix=0.4)


def split(count: int = 50, channels: int = 3) -> Split:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 6, 5, channels), dtype=np.uint8)
    return Split(pixels, np.arange(count) % 7)


def batches(data: Split | None = None, **options) -> Batches:
    options = {"batch": 8, "seed": 0, "normalize": None, "augment": AUGMENT} | options
    return Batches(data or split(), **options)


def by_index(found) -> dict[int, bytes]:
    return {int(i): x.tobytes() for batch in found for i, x in zip(batch.index, batch.inputs, strict=True)}


def test_pixels_are_normalised_by_channel_and_laid_out_channel_first():
    data = split()
    normalize = Normalize(mean=[0.1, 0.2, 0.3], std=[0.5, 0.6, 0.7])
    first = next(batches(data, normalize=normalize).in_order())
    expected = (data.inputs[:8] / 255 - [0.1, 0.2, 0.3]) / [0.5, 0.6, 0.7]
    assert first.inputs.dtype == np.float32
    assert first.inputs.flags.c_contiguous
    np.testing.assert_allclose(first.inputs, expected.transpose(0, 3, 1, 2), atol=1e-6)
    assert first.targets.tolist() == data.targets[:8].tolist()
    assert first.targets.dtype == first.index.dtype == np.int64


def test_pixels_without_normalisation_are_between_0_and_1():
    data = split()
    np.testing.assert_allclose(
        next(batches(data).in_order()).inputs, data.inputs[:8].transpose(0, 3, 1, 2) / 255, atol=1e-6
    )


def test_features_stay_as_they_are_unless_normalised():
    data = Split(np.arange(12, dtype=np.float32).reshape(6, 2), np.arange(6))
    plain = next(batches(data, augment=None).in_order())
    assert np.array_equal(plain.inputs, data.inputs)
    scaled = next(batches(data, augment=Augment(), normalize=Normalize(mean=[1, 2], std=[2, 4])).in_order())
    np.testing.assert_allclose(scaled.inputs, (data.inputs - [1, 2]) / [2, 4], atol=1e-6)


def test_an_epoch_shows_every_example_once_but_for_an_incomplete_batch():
    loader = batches(split(50))
    found = list(loader.epoch(0))
    assert loader.steps == len(found) == 6
    assert loader.examples == 50
    assert all(len(batch.targets) == 8 for batch in found)
    assert len(by_index(found)) == 48


def test_fewer_examples_than_a_batch_are_one_batch():
    found = list(batches(split(5)).epoch(0))
    assert [len(batch.index) for batch in found] == [5]


def test_in_order_every_example_comes_once_the_last_batch_too():
    found = list(batches(split(50)).in_order(1))
    assert np.concatenate([batch.index for batch in found]).tolist() == list(range(50))
    assert {batch.view for batch in found} == {1}


def test_in_order_without_a_view_nothing_is_augmented():
    found = list(batches().in_order())
    assert {batch.view for batch in found} == {-1}
    assert by_index(found) == by_index(batches(augment=None).in_order())
    assert by_index(found) != by_index(batches().in_order(0))


def test_targets_go_with_their_examples():
    data = split()
    for batch in batches(data).epoch(3):
        assert batch.targets.tolist() == data.targets[batch.index].tolist()


def test_a_view_in_a_shuffled_epoch_is_the_view_in_order_whatever_the_batch():
    in_order = by_index(batches(batch=13).in_order(2))
    shuffled = by_index(batches(batch=8).epoch(2))
    assert shuffled == {index: in_order[index] for index in shuffled}


def test_an_epoch_is_repeated_exactly_and_the_next_is_another():
    first, again = ([batch.index.tolist() for batch in batches().epoch(4)] for _ in range(2))
    assert first == again
    assert first != [batch.index.tolist() for batch in batches().epoch(5)]
    assert first != [batch.index.tolist() for batch in batches(seed=1).epoch(4)]


def test_two_epochs_read_in_turns_do_not_disturb_each_other():
    loader = batches()
    pairs = list(zip(loader.epoch(0), loader.epoch(1), strict=True))
    assert by_index(pair[0] for pair in pairs) == by_index(batches().epoch(0))
    assert by_index(pair[1] for pair in pairs) == by_index(batches().epoch(1))


@pytest.mark.parametrize(
    ("views", "augment", "seen"),
    [(0, AUGMENT, [0, 1, 2, 3, 4]), (3, AUGMENT, [0, 1, 2, 0, 1]), (3, Augment(), [0] * 5), (0, None, [0] * 5)],
    ids=["a view for every epoch", "three views in turns", "nothing to augment", "no augmentation"],
)
def test_views(views, augment, seen):
    loader = batches(views=views, augment=augment)
    assert [next(loader.epoch(number)).view for number in range(5)] == seen


def test_views_that_return_come_in_another_order():
    loader = batches(views=2)
    first, again = list(loader.epoch(0)), list(loader.epoch(2))
    assert [batch.index.tolist() for batch in first] != [batch.index.tolist() for batch in again]
    both = by_index(first).keys() & by_index(again).keys()
    assert all(by_index(first)[index] == by_index(again)[index] for index in both)


@pytest.mark.parametrize(
    "change",
    [
        {"data": split(51)},
        {"batch": 9},
        {"seed": 1},
        {"views": 3},
        {"augment": Augment(flip=True)},
        {"normalize": Normalize(mean=[0.5], std=[0.5])},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_description_is_json_and_tells_a_change_of(change):
    assert json.loads(json.dumps(batches().describe())) == batches().describe()
    assert batches(**change).describe() != batches().describe()


def test_asking_for_nothing_is_described_as_no_augmentation():
    assert batches(augment=Augment(), views=8).describe() == batches(augment=None).describe()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (
            {"normalize": Normalize(mean=[0.1, 0.2], std=[1])},
            "data.normalize.mean has 2 values, and the data 3 channels",
        ),
        ({"normalize": Normalize(mean=[0.1], std=[1, 1])}, "data.normalize.std has 2 values"),
        ({"augment": Augment(shift=5)}, "data.augment.shift is 5, and the images are 5x6"),
        ({"data": Split(np.ones((3, 2), dtype=np.float32), np.arange(3))}, "augment.flip changes images, and the ex"),
        ({"data": Split(np.ones((3, 2), np.int64), np.arange(3)), "normalize": None}, "the examples are token ids"),
    ],
    ids=["too many means", "too many deviations", "a shift out of the image", "features to flip", "ids to flip"],
)
def test_what_does_not_fit_the_data_is_refused(options, found):
    with pytest.raises(DataError) as caught:
        batches(**options)
    assert found in str(caught.value)
    assert caught.value.hint


def test_a_mixed_batch_names_the_targets_of_the_partners_and_what_stays_own():
    data = Split(np.repeat(np.arange(50, dtype=np.uint8) * 5, 30).reshape(50, 6, 5, 1), np.arange(50) % 7)
    loader = batches(data, augment=Augment(mixup=0.9), batch=50)
    (batch,) = loader.in_order(0)
    assert batch.partners.dtype == np.int64
    assert batch.share.dtype == np.float32
    own = data.inputs[:, 0, 0, 0]
    seen = batch.inputs[:, 0, 0, 0] * 255
    whole = batch.share == 1
    np.testing.assert_allclose(seen[whole], own[whole], atol=1e-3)
    # Where it is mixed, what was seen tells the partner's pixel, that pixel the partner, and the partner its target.
    pixel = (seen - batch.share * own)[~whole] / (1 - batch.share[~whole])
    sure = 1 - batch.share[~whole] > 0.5
    partner = np.rint(pixel[sure] / 5).astype(int)
    assert sure.sum() > 10
    assert (batch.partners[~whole][sure] == data.targets[partner]).all()


@pytest.mark.parametrize("shape", [(3,), (6, 2)], ids=["features", "windows"])
def test_numbers_are_mixed_before_they_are_normalised(shape):
    values = np.random.default_rng(0).normal(size=(60, *shape)).astype(np.float32)
    data = Split(values, values.reshape(60, -1)[:, 0])  # the target says which example was mixed in
    loader = batches(data, augment=Augment(mixup=0.5), normalize=Normalize(mean=[1], std=[2]), batch=60)
    (batch,) = loader.in_order(0)
    share = batch.share.reshape(-1, *(1 for _ in shape))
    partner = values[[list(data.targets).index(target) for target in batch.partners]]
    np.testing.assert_allclose(batch.inputs, (share * values + (1 - share) * partner - 1) / 2, atol=1e-6)
    assert 10 < (batch.share < 1).sum() < 50
    assert np.array_equal(next(loader.in_order()).inputs, (values - 1) / 2)


def test_a_mixed_view_of_an_example_is_the_same_in_any_epoch_that_shows_it():
    loader = batches(augment=MIXED, views=2)
    kept = by_index(loader.in_order(0))
    for epoch in (0, 2):
        for batch in loader.epoch(epoch):
            assert all(kept[int(i)] == x.tobytes() for i, x in zip(batch.index, batch.inputs, strict=True))


def test_batches_that_are_not_mixed_name_no_partners():
    assert all(batch.partners is None and batch.share is None for batch in batches().epoch(0))
    assert all(batch.partners is None for batch in batches(augment=MIXED).in_order())


def ids(count: int = 640, longest: int = 40) -> Split:
    rng = np.random.default_rng(0)
    rows = np.zeros((count, longest), dtype=np.int64)
    for row in rows:
        row[: rng.integers(1, longest + 1)] = 7
    return Split(rows, np.arange(count) % 2)


def test_texts_of_about_one_length_come_together_and_are_cut_to_the_longest():
    data = ids()
    found = list(batches(data, batch=8, augment=None, pad=0).epoch(0))
    assert sorted(np.concatenate([batch.index for batch in found])) == list(range(640))
    for batch in found:
        own = (data.inputs[batch.index] != 0).sum(axis=1)
        assert batch.inputs.shape[1] == own.max()
        assert (batch.inputs == data.inputs[batch.index, : own.max()]).all()
    # In 32 batches sorted by length a batch's lengths differ by little; drawn at random they would by about 31.
    assert np.mean([np.ptp((data.inputs[batch.index] != 0).sum(axis=1)) for batch in found]) < 4


def test_texts_come_in_another_order_every_epoch_and_the_same_when_asked_again():
    first, again, other = (
        [batch.index.tolist() for batch in batches(ids(), augment=None, pad=0).epoch(epoch)] for epoch in (0, 0, 1)
    )
    assert first == again != other
    lengths = [batch.inputs.shape[1] for batch in batches(ids(), augment=None, pad=0).epoch(0)]
    assert lengths != sorted(lengths)


def test_windows_are_normalised_by_channel():
    data = Split(np.arange(24, dtype=np.float32).reshape(2, 4, 3), np.arange(2))
    found = next(batches(data, augment=None, normalize=Normalize(mean=[1, 2, 3], std=[2, 4, 5])).in_order())
    np.testing.assert_allclose(found.inputs, (data.inputs - [1, 2, 3]) / [2, 4, 5], atol=1e-6)
