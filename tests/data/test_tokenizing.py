from __future__ import annotations

import json

import numpy as np
import pytest

from edgekit.data.examples import Examples
from edgekit.data.tokenizing import Encoder, prepared
from edgekit.errors import DataError
from edgekit.recipe.data import Text

tokenizers = pytest.importorskip("tokenizers", reason="pip install edgekit-onnx[text]")

ODD = ["", "word " * 500, "\U0001f600 fine", "\x00\x07 bell", "a\u2028b\tc", "naïve Ünïcode", "日本語"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path / "home"))


def texts(*held) -> Examples:
    inputs = np.empty(len(held), dtype=object)
    inputs[:] = held
    return Examples(inputs, np.arange(len(held)), "mine.csv")


TRAIN = texts(*["the good film", "the bad film was long", "a fine naïve word"] * 20)


def trained(tmp_path, length: int = 8) -> Encoder:
    return Encoder(prepared(Text(tokenizer="train", length=length, vocabulary=100), tmp_path, TRAIN))


def test_a_tokenizer_of_the_training_texts_frames_cuts_and_fills_up(tmp_path):
    encoder = trained(tmp_path)
    found = encoder.encoded(texts("the good film", "the", "a b c d e f g h i j k")).inputs
    assert found.dtype == np.int64
    assert found.shape == (3, 8)
    assert encoder.pad == 0
    assert found[1, 3:].tolist() == [0] * 5
    assert (found[:, 0] == found[0, 0]).all()
    assert found.max() < encoder.size <= 100


def test_the_same_texts_make_the_same_tokenizer(tmp_path):
    said = Text(tokenizer="train", length=8, vocabulary=100)
    assert prepared(said, tmp_path, TRAIN) == prepared(said, tmp_path, TRAIN)


def test_pairs_are_separated(tmp_path):
    encoder = trained(tmp_path)
    pair = encoder.encoded(texts(("the", "film"))).inputs[0]
    alone = encoder.encoded(texts("the")).inputs[0]
    assert pair[: len(alone)].tolist() == alone.tolist()
    assert (pair == alone[2]).sum() == 2


def test_the_file_alone_gives_the_same_ids_on_odd_texts(tmp_path):
    file = prepared(Text(tokenizer="train", length=8, vocabulary=100), tmp_path, TRAIN)
    held = json.loads(file.read_text(encoding="utf-8"))
    assert held["truncation"]["max_length"] == 8
    assert held["padding"]["pad_id"] == 0
    alone = tokenizers.Tokenizer.from_file(str(file)).encode_batch(ODD)
    assert Encoder(file).encoded(texts(*ODD)).inputs.tolist() == [each.ids for each in alone]


def test_a_tokenizer_of_ones_own_is_cut_to_the_length(tmp_path):
    words = {"[PAD]": 0, "[UNK]": 1, "good": 2}
    tokenizers.Tokenizer(tokenizers.models.WordLevel(words, "[UNK]")).save(str(tmp_path / "own.json"))
    encoder = Encoder(prepared(Text(tokenizer="own.json", length=3), tmp_path, TRAIN))
    assert encoder.encoded(texts("good")).inputs.tolist() == [[2]]


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "there is no tokenizer"), ("{}", "is no tokenizer"), ("bare", "no token to fill texts up with")],
    ids=["absent", "broken", "without padding"],
)
def test_refused(tmp_path, content, told):
    if content == "bare":
        tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a")).save(str(tmp_path / "own.json"))
    elif content:
        (tmp_path / "own.json").write_text(content)
    with pytest.raises(DataError, match=told) as caught:
        prepared(Text(tokenizer="own.json"), tmp_path, TRAIN)
    assert caught.value.hint


def test_texts_without_a_tokenizer_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds texts") as caught:
        prepared(None, tmp_path, TRAIN)
    assert "data.text" in caught.value.hint


def test_a_text_that_is_no_unicode_is_named(tmp_path):
    with pytest.raises(DataError, match=r'"mine.csv": a text among 0 to 1'):
        trained(tmp_path).encoded(texts("fine", "\ud800"))
