from __future__ import annotations

import numpy as np
import pytest

from edgekit.data.continuing import UNKNOWN
from edgekit.data.loading import load
from edgekit.errors import DataError
from edgekit.recipe.data import Data

WINDOW = {"length": 8, "hop": 4}


def loaded(folder, content: str | bytes, **said):
    (folder / "mine.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    return load(Data(source="mine.txt", **{"window": WINDOW} | said), folder, 0, "token")


def read(data, ids) -> str:
    return "".join(data.labels[number] for number in ids)


def test_every_token_is_asked_for_the_next_one(tmp_path):
    data = loaded(tmp_path, "abcdefghij" * 50)
    assert data.train.inputs.dtype == data.train.targets.dtype == np.int64
    assert read(data, data.train.inputs[0]) == "abcdefgh"
    assert read(data, data.train.targets[0]) == "bcdefghi"
    assert read(data, data.train.inputs[1]) == "efghijab"


def test_the_splits_are_stretches_of_the_text_one_behind_the_other(tmp_path):
    data = loaded(tmp_path, "a" * 720 + "b" * 80 + "c" * 200)
    assert data.labels == [UNKNOWN, "a"]
    assert set(data.train.inputs.ravel()) == {1}
    assert set(data.validation.inputs.ravel()) == set(data.test.inputs.ravel()) == {0}
    assert len(data.test) == (200 - 9) // 4 + 1


def test_seldom_characters_are_one_and_the_same(tmp_path):
    data = loaded(tmp_path, "é" + "ab" * 300)
    assert data.labels == [UNKNOWN, "a", "b"]
    assert data.train.inputs[0, 0] == 0


@pytest.mark.parametrize(
    ("content", "said", "told"),
    [
        (b"fine\n\xff\xfe", {}, r"line 2: byte 0xff is not UTF-8"),
        ("too short", {}, "a split has 6 characters"),
        ("abc" * 99, {"window": None}, "cut into windows"),
    ],
    ids=["an encoding", "too little text", "no window"],
)
def test_refused(tmp_path, content, said, told):
    with pytest.raises(DataError, match=told) as caught:
        loaded(tmp_path, content, **said)
    assert caught.value.hint
