from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.sources import npz
from edgekit.errors import DataError

X, Y = np.zeros((4, 2, 2), dtype=np.uint8), np.array([0, 1, 0, 1])


def test_x_and_y_are_one_whole(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=X, y=Y, labels=np.array(["cat", "dog"]))
    train, test, labels, _ = npz.read(path)
    assert np.array_equal(train.inputs, X)
    assert np.array_equal(train.targets, Y)
    assert test is None
    assert labels == ["cat", "dog"]


def test_four_arrays_are_training_and_test(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, x_train=X, y_train=Y, x_test=X[:1], y_test=Y[:1])
    train, test, labels, _ = npz.read(path)
    assert (len(train.targets), len(test.targets), labels) == (4, 1, None)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"x": X}, "holds x"),
        ({"x_train": X, "y_train": Y}, "holds x_train, y_train"),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y}, "holds x, x_test, y, y_test"),
        ({"images": X, "y": Y}, "holds images, y"),
        ({"x": X, "y": Y, "labels": np.array([1, 2])}, "labels holds no text"),
        ({"x": X, "y": np.array([{}] * 4)}, "cannot be read"),
    ],
    ids=["x alone", "no test", "both ways", "another name", "labels that are numbers", "objects"],
)
def test_other_arrays_are_refused(tmp_path, arrays, found):
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError) as caught:
        npz.read(path)
    assert found in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, x=X, y=Y)
    content = path.read_bytes()
    np.save(tmp_path / "single.npy", X)
    for damaged in (content[:-30], content[:100], b"", b"text", (tmp_path / "single.npy").read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read"):
            npz.read(path)
