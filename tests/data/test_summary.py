from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edgekit.data.dataset import Dataset, Split
from edgekit.data.summary import summarise


def images(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint8).reshape(-1, 1, 1, 1)


def test_counts_by_class_and_what_is_there_twice():
    data = Dataset(
        Split(images(1, 2, 3, 3), np.array([0, 1, 1, -1])),
        Split(images(2), np.array([0]), np.array([7])),
        Split(images(3, 9, 1), np.array([0, 0, 1])),
        ["cat", "dog"],
    )
    found = summarise(data, "class")
    assert json.loads(json.dumps(found)) == found
    assert found["inputs"] == "uint8[N,1,1,1]"
    assert found["splits"]["train"] == {"examples": 4, "unlabelled": 1, "groups": None, "repeated": 1}
    assert found["splits"]["validation"]["groups"] == 1
    assert found["both"] == {"train/validation": 1, "train/test": 2, "validation/test": 0}
    assert found["labels"] == {
        "cat": {"train": 1, "validation": 1, "test": 2},
        "dog": {"train": 2, "validation": 0, "test": 1},
    }


def test_a_text_is_the_same_however_far_it_is_filled_up():
    train = Split(np.array([[5, 6, 0, 0], [5, 0, 6, 7]]), np.array([0, 1]))
    short, other = (Split(np.array(rows), np.zeros(1, dtype=np.int64)) for rows in ([[5, 6]], [[5, 7]]))
    found = summarise(Dataset(train, short, other, ["a", "b"], tokenizer=Path("t.json"), pad=0), "class", limit=4)
    assert found["both"] == {"train/validation": 1, "train/test": 0, "validation/test": 0}
    assert found["tokens"]["train"] == {"median": 3, "longest": 4, "at_limit": 1}


def test_numbers_are_told_by_their_spread():
    part = Split(np.zeros((2, 1), np.float32), np.array([1, 3], np.float32))
    found = summarise(Dataset(part, part, part, []), "number")
    assert found["numbers"]["test"] == {"mean": [2], "std": [1], "least": [1], "most": [3]}
    assert found["labels"] is found["tokens"] is None


def test_several_labels_are_counted_each():
    part = Split(np.zeros((3, 1), np.float32), np.array([[1, 0], [1, 1], [0, 0]], np.float32))
    found = summarise(Dataset(part, part, part, ["fun", "short"]), "labels")
    assert {name: counts["train"] for name, counts in found["labels"].items()} == {"fun": 2, "short": 1}
