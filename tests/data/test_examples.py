from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.examples import Examples, checked, no_empty_class
from edgekit.errors import DataError

IMAGES = np.zeros((3, 4, 5), dtype=np.uint8)
LABELS = np.array([0, 1, 0], dtype=np.uint8)


def test_grey_images_get_a_channel_and_labels_become_int64():
    inputs, targets, *_ = checked(Examples(IMAGES, LABELS, "x.npz"), "class", 2)
    assert inputs.shape == (3, 4, 5, 1)
    assert inputs.dtype == np.uint8
    assert targets.dtype == np.int64


def test_features_become_float32():
    assert checked(Examples(np.ones((3, 2)), LABELS, "x.npz"), "class", 2).inputs.dtype == np.float32


@pytest.mark.parametrize(
    ("inputs", "targets", "found"),
    [
        (IMAGES, LABELS[:2], "3 examples and 2 labels"),
        (IMAGES[:0], LABELS[:0], "no examples"),
        (IMAGES, np.array([0.0, 1.0, 0.0]), "the labels are float64"),
        (IMAGES, np.eye(3, dtype=int), "the labels are int64 [3, 3]"),
        (IMAGES, np.array(1), "the labels are int64 []"),
        (IMAGES, np.array([0, -1, 1]), 'label of example 1 is "-1"'),
        (IMAGES, np.array([0, 1, 2]), 'label of example 2 is "2"'),
        (IMAGES, np.array([2**64 - 1, 0, 0], dtype=np.uint64), 'label of example 0 is "18446744073709551615"'),
        (np.array(3.0), LABELS, "the examples are float64 []"),
        (np.zeros((3, 4, 4, 1), dtype=np.float32), LABELS, "the examples are float32 [3, 4, 4, 1]"),
        (np.zeros((3, 0, 4), dtype=np.uint8), LABELS, "the examples are uint8 [3, 0, 4]"),
        (np.zeros((3, 4), dtype=np.uint8), LABELS, "the examples are uint8 [3, 4]"),
        (np.array([[1.0], [np.nan], [2.0]]), LABELS, "example 1 holds NaN"),
        (np.array([[1.0], [2.0], [1e300]]), LABELS, "example 2 holds NaN or an infinite number"),
    ],
    ids=[
        "x and y of different lengths", "nothing", "real labels", "one-hot labels", "a lone label", "a negative label",
        "a label too high", "a label beyond int64", "a lone number", "images of floats", "images without pixels",
        "bytes that are no images", "NaN", "beyond float32",
    ],
)  # fmt: skip
def test_refused_with_the_file_and_a_hint(inputs, targets, found):
    with pytest.raises(DataError) as caught:
        checked(Examples(inputs, targets, "my/x.npz"), "class", 2)
    assert found in str(caught.value)
    assert '"my/x.npz"' in str(caught.value)
    assert caught.value.hint


def test_classes_that_nobody_counted_cannot_outnumber_the_examples():
    with pytest.raises(DataError, match='label of example 1 is "3"') as caught:
        checked(Examples(IMAGES, np.array([0, 3, 1]), "x.npz"), "class", None)
    assert "without a gap" in caught.value.hint


def test_a_class_without_training_examples_is_named():
    no_empty_class(np.array([0, 1, 1]), ["cat", "dog"], "pets")
    with pytest.raises(DataError, match='"pets": no training example of class "bird"'):
        no_empty_class(np.array([0, 1, 1]), ["cat", "dog", "bird"], "pets")
