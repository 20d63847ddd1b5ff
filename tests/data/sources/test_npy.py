from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.loading import load
from edgekit.data.sources import npy
from edgekit.errors import DataError
from edgekit.recipe.data import Data


def write(folder, **arrays) -> None:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def test_arrays_are_mapped_and_not_read(tmp_path):
    write(tmp_path, x=np.ones((20, 3), np.float32), y=np.arange(20) % 2)
    found = npy.read(tmp_path).train
    assert isinstance(found.inputs, np.memmap)
    assert found.groups is None


def test_a_folder_with_a_test_split_groups_and_names(tmp_path):
    write(tmp_path, x_train=np.arange(60.0).reshape(20, 3), y_train=np.arange(20) % 2, groups_train=np.arange(20) // 5)
    write(tmp_path, x_test=np.ones((4, 3)), y_test=np.array([0, 1, 0, 1]), labels=np.array(["no", "yes"]))
    found = load(Data(source=str(tmp_path), split={"by": "group", "validation": [2]}), tmp_path, 0, "class")
    assert found.labels == ["no", "yes"]
    assert found.validation.inputs[:, 0].tolist() == [30, 33, 36, 39, 42]
    assert len(found.test) == 4


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"x": np.ones((4, 2))}, "holds x.npy and no y.npy"),
        ({"x": np.array([{}], dtype=object), "y": np.zeros(1)}, r"x\.npy\" cannot be read"),
    ],
    ids=["no labels", "objects"],
)
def test_refused(tmp_path, arrays, told):
    write(tmp_path, **arrays)
    with pytest.raises(DataError, match=told) as caught:
        npy.read(tmp_path)
    assert caught.value.hint
