from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.data.loading import load
from edgekit.data.sources import image_folder
from edgekit.errors import DataError
from edgekit.recipe.data import Data

Image = pytest.importorskip("PIL.Image")


def save(path: Path, value: int, mode: str = "L", size: tuple[int, int] = (5, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "P") else (value,) * len(mode)).save(path)


@pytest.fixture
def pets(tmp_path):
    for number in range(3):
        save(tmp_path / "pets" / "dog" / f"{number}.png", 100 + number)
        save(tmp_path / "pets" / "cat" / f"{number}.png", number)
    return tmp_path / "pets"


def test_a_folder_is_a_class_and_classes_are_numbered_as_they_sort(pets):
    (pets / "cat" / ".hidden").write_text("left alone")
    train, test, labels, _ = image_folder.read(pets)
    assert labels == ["cat", "dog"]
    assert train.inputs.shape == (6, 4, 5, 1)
    assert train.inputs[:, 0, 0, 0].tolist() == [0, 1, 2, 100, 101, 102]
    assert train.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert test is None


def test_classes_are_numbered_as_the_recipe_names_them(pets):
    assert image_folder.read(pets, ["dog", "cat"]).train.targets.tolist() == [1, 1, 1, 0, 0, 0]


def test_train_and_test_folders_are_kept_apart(tmp_path):
    for part, count in (("train", 6), ("test", 2)):
        for name in ("cat", "dog"):
            for number in range(count):
                save(tmp_path / "pets" / part / name / f"{number}.png", number, "RGB")
    data = load(Data(source="pets", validation_fraction=0.34), tmp_path, 0)
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 4, 4)
    assert data.train.inputs.shape[1:] == (4, 5, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_every_kind_of_colour_becomes_three_channels(tmp_path, mode):
    save(tmp_path / "cat" / "0.png", 7, mode)
    assert image_folder.read(tmp_path).train.inputs.shape == (1, 4, 5, 3)


def test_images_of_mixed_sizes_are_refused_by_name(pets):
    save(pets / "dog" / "1.png", 0, size=(6, 4))
    with pytest.raises(DataError, match=r'dog/1\.png" is 6x4 grey, and ".*cat/0\.png" is 5x4 grey'):
        image_folder.read(pets)


def test_grey_among_colour_is_refused_by_name(pets):
    save(pets / "dog" / "1.png", 0, "RGB")
    with pytest.raises(DataError, match=r'dog/1\.png" is 5x4 colour, and .* is 5x4 grey'):
        image_folder.read(pets)


def test_a_broken_image_is_refused_by_name(pets):
    whole = (pets / "dog" / "1.png").read_bytes()
    for content in (b"", b"no image", whole[: len(whole) // 2]):
        (pets / "dog" / "1.png").write_bytes(content)
        with pytest.raises(DataError, match=r'dog/1\.png" cannot be read as an image'):
            image_folder.read(pets)


def test_sixteen_bits_are_refused(pets):
    Image.fromarray(np.zeros((4, 5), dtype=np.uint16)).save(pets / "dog" / "1.png")
    with pytest.raises(DataError, match='pixels of mode "I;16"'):
        image_folder.read(pets)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda pets: (pets / "dog" / "notes.txt").write_text("x"), 'notes.txt" is no image'),
        (lambda pets: (pets / "dog" / "puppy").mkdir(), 'puppy" is no image'),
        (lambda pets: (pets / "list.csv").write_text("x"), "list.csv\" lies where a class's folder was expected"),
    ],
    ids=["a text file", "a folder in a class", "a file among the classes"],
)
def test_what_does_not_belong_is_refused_by_name(pets, spoil, found):
    spoil(pets)
    with pytest.raises(DataError) as caught:
        image_folder.read(pets)
    assert found in str(caught.value)
    assert "a folder per class" in caught.value.hint


def test_a_folder_of_an_unknown_class_is_refused_with_the_nearest(pets):
    with pytest.raises(DataError, match="the folder of no known class") as caught:
        image_folder.read(pets, ["cat", "dogs"])
    assert caught.value.hint == 'did you mean "dogs"?'


def test_folders_without_images_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds no folder"):
        image_folder.read(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        image_folder.read(tmp_path)
