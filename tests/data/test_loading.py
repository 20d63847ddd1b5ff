from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.data.loading import load
from edgekit.errors import DataError
from edgekit.recipe.data import Data, SplitRule


def write(folder: Path, **arrays) -> None:
    np.savez(folder / "mine.npz", **arrays)


def every_image_its_own(count: int, size: int = 2) -> np.ndarray:
    return np.arange(count * size * size, dtype=np.uint32).astype("<u4").view(np.uint8).reshape(count, size, -1)


def bodies(split) -> set[bytes]:
    return {image.tobytes() for image in split.inputs}


@pytest.fixture
def whole(tmp_path):
    write(tmp_path, x=every_image_its_own(200), y=np.arange(200) % 4, labels=["a", "b", "c", "d"])
    return tmp_path


def test_no_example_is_in_two_splits_and_none_is_lost(whole):
    data = load(Data(source="mine.npz"), whole, 0)
    train, validation, test = bodies(data.train), bodies(data.validation), bodies(data.test)
    assert (len(train), len(validation), len(test)) == (144, 16, 40)
    assert len(train | validation | test) == 200


def test_labels_stay_with_their_images(whole):
    data = load(Data(source="mine.npz"), whole, 0)
    known = {image.tobytes(): number % 4 for number, image in enumerate(every_image_its_own(200)[..., None])}
    for split in (data.train, data.validation, data.test):
        assert [known[image.tobytes()] for image in split.inputs] == split.targets.tolist()


def test_the_same_seed_gives_the_same_data_and_another_seed_another(whole):
    first, again, other = (load(Data(source="mine.npz"), whole, seed).fingerprint for seed in (3, 3, 4))
    assert first == again != other


def test_a_test_split_of_its_own_is_kept(tmp_path):
    x = every_image_its_own(60)
    write(tmp_path, x_train=x[:40], y_train=np.arange(40) % 2, x_test=x[40:], y_test=np.arange(20) % 2)
    data = load(Data(source="mine.npz", validation_fraction=0.25), tmp_path, 0)
    assert (len(data.train), len(data.validation)) == (30, 10)
    assert np.array_equal(data.test.inputs[..., 0], x[40:])
    assert data.labels == ["0", "1"]


def test_groups_named_for_a_test_split_that_is_there_already_are_refused(tmp_path):
    x = every_image_its_own(60)
    write(tmp_path, x_train=x[:40], y_train=np.arange(40) % 2, x_test=x[40:], y_test=np.arange(20) % 2)
    asked = Data(source="mine.npz", split=SplitRule(by="group", test=["3"]))
    with pytest.raises(DataError, match=r"data\.split\.test names groups, and .* is a test split already"):
        load(asked, tmp_path, 0)


def test_the_recipe_may_name_the_classes(whole):
    assert load(Data(source="mine.npz", labels=["w", "x", "y", "z"]), whole, 0).labels == ["w", "x", "y", "z"]


def test_naming_fewer_classes_than_the_source_has_is_refused(whole):
    with pytest.raises(DataError, match=r"names 2 classes, and .* has 4"):
        load(Data(source="mine.npz", labels=["w", "x"]), whole, 0)


def test_a_path_may_be_absolute(whole):
    assert len(load(Data(source=str(whole / "mine.npz")), Path("/elsewhere"), 0).labels) == 4


def test_a_class_that_is_never_trained_is_refused(tmp_path):
    write(tmp_path, x=every_image_its_own(40), y=np.arange(40) % 2 * 2)
    with pytest.raises(DataError, match='no training example of class "1"'):
        load(Data(source="mine.npz"), tmp_path, 0)


def test_a_test_split_of_another_form_is_refused(tmp_path):
    write(
        tmp_path,
        x_train=every_image_its_own(40),
        y_train=np.arange(40) % 2,
        x_test=every_image_its_own(10, 3),
        y_test=np.arange(10) % 2,
    )
    with pytest.raises(
        DataError, match=r"its examples are uint8 \[3, 12, 1\] each, and training examples uint8 \[2, 8, 1\]"
    ):
        load(Data(source="mine.npz"), tmp_path, 0)


def test_a_test_label_that_training_does_not_know_is_refused(tmp_path):
    x, y = every_image_its_own(40), np.arange(40) % 2
    write(tmp_path, x_train=x, y_train=y, x_test=x[:4], y_test=np.array([0, 1, 0, 2]))
    with pytest.raises(DataError, match=r'mine\.npz \(test\)": the label of example 3 is "2"'):
        load(Data(source="mine.npz"), tmp_path, 0)


@pytest.mark.parametrize(
    ("source", "found", "hint"),
    [
        ("fashon-mnist", 'no data source "fashon-mnist"', 'did you mean "fashion-mnist"?'),
        ("zzz.npz", 'no data source "zzz.npz"', "a folder with a folder per class"),
        ("notes.odt", "is no data that edgekit reads", "give a .npz, .csv"),
        ("~nobody-of-this-name/x.npz", "~nobody-of-this-name", "write the whole path"),
    ],
    ids=["a misspelt name", "a file that is not there", "a file of another kind", "somebody's home"],
)
def test_a_source_that_cannot_be_is_refused_with_what_could(tmp_path, source, found, hint):
    (tmp_path / "notes.odt").write_text("milk")
    with pytest.raises(DataError) as caught:
        load(Data(source=source), tmp_path, 0)
    assert found in str(caught.value)
    assert hint in caught.value.hint


def test_what_has_no_label_is_trained_with_alone(tmp_path):
    write(tmp_path, x=every_image_its_own(40), y=np.arange(40) % 2)
    np.savez(tmp_path / "more.npz", x=every_image_its_own(60)[40:], y=np.zeros(20, dtype=int))
    data = load(Data(source="mine.npz", unlabelled="more.npz"), tmp_path, 0)
    assert (data.train.targets == -1).sum() == 20
    assert (data.validation.targets >= 0).all()
    assert (data.test.targets >= 0).all()


def test_idx_files_of_ones_own_are_a_source(tmp_path):
    for part, count in (("train", 40), ("t10k", 10)):
        shape = b"".join(size.to_bytes(4, "big") for size in (count, 2, 2))
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + shape + bytes(range(count * 4)))
        labels = bytes(number % 2 for number in range(count))
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + count.to_bytes(4, "big") + labels)
    data = load(Data(source=str(tmp_path)), tmp_path, 0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [36, 4, 10]
    assert data.test.inputs.shape == (10, 2, 2, 1)
