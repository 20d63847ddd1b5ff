"""Data sets as `datasets` writes them; skipped where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.loading import load
from edgekit.data.sources import hugging_face
from edgekit.errors import DataError
from edgekit.recipe.data import Data

datasets = pytest.importorskip("datasets", reason="pip install edgekit-onnx[hf]")


def pairs(count: int, label: int | None = None):
    features = datasets.Features(
        {
            "sentence1": datasets.Value("string"),
            "sentence2": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["different", "same"]),
        }
    )
    labels = [number % 2 if label is None else label for number in range(count)]
    rows = {"sentence1": [f"a {number}" for number in range(count)], "sentence2": ["b"] * count, "label": labels}
    return datasets.Dataset.from_dict(rows, features=features)


@pytest.fixture
def glue(tmp_path):
    """Write pairs as GLUE has them: the labels of its test split are kept from us."""
    held = {"train": pairs(40), "validation": pairs(10), "test": pairs(10, label=-1)}
    datasets.DatasetDict(held).save_to_disk(tmp_path / "mrpc")
    return tmp_path


def test_pairs_from_disk_have_their_labels_names_and_a_test_split_without_labels_is_passed_over(glue):
    tables, names = hugging_face.read(glue / "mrpc", "label")
    assert names == ["different", "same"]
    assert list(tables) == ["train", "validation"]
    assert tables["train"].columns["sentence1"][3] == "a 3"


def test_one_split_alone_is_for_training(tmp_path):
    pairs(4).save_to_disk(tmp_path / "one")
    assert hugging_face.is_saved(tmp_path / "one")
    assert list(hugging_face.read(tmp_path / "one", "label")[0]) == ["train"]


def test_pictures_become_arrays(tmp_path):
    pictures = [np.full((4, 4, 3), number, dtype=np.uint8) for number in range(40)]
    features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["dark", "light"])})
    rows = {"img": pictures, "label": [number // 20 for number in range(40)]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "cifar")
    found = load(Data(source="cifar", columns={"features": ["img"], "label": "label"}), tmp_path, 0, "class")
    assert found.train.inputs.dtype == np.uint8
    assert found.train.inputs.shape[1:] == (4, 4, 3)
    assert (found.train.inputs[:, 0, 0, 0] // 20 == found.train.targets).all()
    assert found.labels == ["dark", "light"]


def test_what_is_no_data_set_is_refused(tmp_path):
    (tmp_path / "dataset_info.json").write_text("{}")
    with pytest.raises(DataError, match="cannot be had"):
        hugging_face.read(tmp_path, None)
