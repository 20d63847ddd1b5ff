from __future__ import annotations

import numpy as np
import pytest

from edgekit.data import augmentation
from edgekit.data.augmentation import View, changes
from edgekit.recipe.data import Augment

FULL = Augment(flip=True, shift=2, erase=0.5)
SHAPE = (9, 7, 3)


def images(count: int = 400) -> np.ndarray:
    return (1 + np.arange(count * 9 * 7 * 3) % 251).astype(np.uint8).reshape(count, *SHAPE)


def by_hand(view: View, image: np.ndarray, row: np.void) -> np.ndarray:
    """Do to one image, pixel by pixel, what the row of choices says."""
    height, width, _ = image.shape
    noise = view.noise[row["noise"] : row["noise"] + image.size].reshape(image.shape)
    result = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            if row["top"] <= y < row["top"] + row["height"] and row["left"] <= x < row["left"] + row["width"]:
                result[y, x] = noise[y, x]
            elif 0 <= y - row["dy"] < height and 0 <= x - row["dx"] < width:
                column = x - row["dx"]
                result[y, x] = image[y - row["dy"], width - 1 - column if row["flip"] else column]
    return result


@pytest.mark.parametrize(
    "augment",
    [Augment(flip=True), Augment(shift=3), Augment(erase=1.0), FULL],
    ids=["flip", "shift", "erase", "all"],
)
def test_the_vectorised_view_is_what_the_choices_say_pixel_by_pixel(augment):
    view, originals = View(augment, SHAPE, 60, 0, 0), images(60)
    result = view.apply(originals, np.arange(60))
    assert result.dtype == np.uint8
    for image, row, got in zip(originals, view.choices, result, strict=True):
        assert np.array_equal(got, by_hand(view, image, row))


def test_the_images_given_are_left_as_they_are():
    originals = images(20)
    View(FULL, SHAPE, 20, 0, 0).apply(originals, np.arange(20))
    assert np.array_equal(originals, images(20))


def test_a_view_of_an_example_is_the_same_in_any_batch_and_any_order():
    originals, view = images(50), View(FULL, SHAPE, 50, 1, 4)
    whole = view.apply(originals, np.arange(50))
    order = np.random.default_rng(0).permutation(50)
    for part in np.array_split(order, 7):
        assert np.array_equal(View(FULL, SHAPE, 50, 1, 4).apply(originals[part], part), whole[part])


@pytest.mark.parametrize(("seed", "number"), [(1, 0), (0, 1)], ids=["seed", "view"])
def test_another_draws_anew(seed, number):
    assert not np.array_equal(View(FULL, SHAPE, 50, 0, 0).choices, View(FULL, SHAPE, 50, seed, number).choices)
    assert not np.array_equal(View(FULL, SHAPE, 50, 0, 0).noise, View(FULL, SHAPE, 50, seed, number).noise)


def test_the_choices_are_the_same_on_every_machine():
    assert View(FULL, (28, 28, 1), 1000, 0, 2).choices[[1, 999]].tolist() == [
        (False, 0, 2, 17, 13, 0, 0, 2575),
        (False, 0, 0, 24, 4, 0, 0, 2354),
    ]


def test_choices_are_drawn_as_often_as_asked_and_stay_within_the_image():
    choices = View(Augment(flip=True, shift=2, erase=0.25), (28, 20, 1), 20_000, 0, 0).choices
    assert abs(choices["flip"].mean() - 0.5) < 0.02
    for name in ("dy", "dx"):
        assert np.unique(choices[name]).tolist() == [-2, -1, 0, 1, 2]
        assert abs(np.mean(choices[name] == 2) - 0.2) < 0.02
    erased = choices[choices["height"] > 0]
    assert abs(len(erased) / 20_000 - 0.25) < 0.02
    assert (erased["height"].min(), erased["height"].max()) == (3, 14)
    assert (erased["width"].min(), erased["width"].max()) == (2, 10)
    assert erased["top"].min() == erased["left"].min() == 0
    assert (erased["top"] + erased["height"]).max() == 28
    assert (erased["left"] + erased["width"]).max() == 20


def test_an_augmentation_that_asks_for_nothing_changes_nothing():
    assert not changes(None)
    assert not changes(Augment())
    assert all(changes(augment) for augment in (Augment(flip=True), Augment(shift=1), Augment(erase=0.1)))


def turned(image: np.ndarray, matrix: list[list[float]]) -> np.ndarray:
    """Read an image at the places that `matrix` says, by floats and one pixel after the other."""
    height, width, _ = image.shape
    result = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            dy, dx = y - (height - 1) / 2, x - (width - 1) / 2
            row = matrix[0][0] * dy + matrix[0][1] * dx + (height - 1) / 2
            column = matrix[1][0] * dy + matrix[1][1] * dx + (width - 1) / 2
            top, left = int(np.floor(row)), int(np.floor(column))
            for r, c in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
                if 0 <= r < height and 0 <= c < width:
                    result[y, x] += (1 - abs(row - r)) * (1 - abs(column - c)) * image[r, c]
    return result


def test_a_turned_image_is_the_weighted_mean_of_the_pixels_where_it_comes_from():
    augment, originals = Augment(rotate=30, zoom=0.3), images(20)
    view = View(augment, SHAPE, 20, 0, 0)
    result = view.apply(originals, np.arange(20))
    assert view._turned is not None
    for image, matrix, got in zip(originals, view._turned / 65536, result, strict=True):
        assert np.abs(got - turned(image, matrix.tolist())).max() <= 2.5  # 256ths of a pixel, of levels up to 251


def test_angles_and_sizes_stay_within_what_was_asked():
    view = View(Augment(rotate=30, zoom=0.2), SHAPE, 4000, 0, 0)
    assert view._turned is not None
    matrix = view._turned / 65536
    angle = np.degrees(np.arctan2(-matrix[:, 0, 1], matrix[:, 0, 0]))
    size = 1 / np.hypot(matrix[:, 0, 0], matrix[:, 0, 1])
    assert -30 <= angle.min() < -29 < 29 < angle.max() <= 30
    assert 0.8 - 1e-3 <= size.min() < 0.81 < 1.19 < size.max() <= 1.2 + 1e-3


def test_a_quarter_turn_is_exact():
    square = images(40)[:, :7]
    quarter = np.tile(np.array([[0, 1 << 16], [-1 << 16, 0]]), (40, 1, 1))
    assert np.array_equal(augmentation._turn(square, quarter), np.rot90(square, 1, (1, 2)))
