"""An app's texts become the very ids that a training saw: both sides read one tokenizer file, each in its own way."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx.parser
import pytest

from edgekit.data.examples import Examples
from edgekit.errors import DataError, InputError
from edgekit.exporting import bundle
from edgekit.manifest import Manifest
from edgekit.recipe.data import Text
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model
from edgekit.signature import Tensor

pytest.importorskip("tokenizers", reason="texts need tokenizers: pip install edgekit-onnx[text]")

from edgekit.data import tokenizing

ECHO = """<ir_version: 9, opset_import: ["" : 18]> echo (int64[N,T] ids) => (double[N,T] vector) {
    vector = Cast<to = 11>(ids) }"""
WORDS = ["a", "film", "of", "no", "great", "merit", "and", "yet", "the", "best", "thing", "seen", "all", "year"]
ODD = {
    "empty": "",
    "spaces": " \t\n ",
    "longer than is read": "film " * 10_000,
    "one endless word": "a" * 50_000,
    "emoji": "great 👩‍👩‍👧‍👦 film 🎬❤️",
    "control characters": "a\x00film\x07of\x1b[0m no\r\nmerit\x7f",
    "accents apart and together": "cafe\u0301 café",
    "right to left": "\u202eפילם\u202c film",
    "special tokens as text": "[CLS] [PAD] [SEP] film [MASK]",
    "unheard of": "\U000e0041 \U0010ffff \ufffe",
    "a pair": ("the best film", "of all year"),
    "a pair longer than is read": ("film " * 100, "year " * 100),
    "a pair of nothing": ("", ""),
}


def _examples(texts: list[Any]) -> Examples:
    inputs = np.empty(len(texts), object)
    inputs[:] = texts
    return Examples(inputs, np.zeros(len(texts), np.int64), "texts.csv", None)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[tokenizing.Encoder, Model]:
    """What reads texts for a training, and a model that answers with the ids its bundle's tokenizer made."""
    folder = tmp_path_factory.mktemp("texts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEKIT_HOME", str(folder / "home"))
        said = Text(tokenizer="train", length=24, vocabulary=60)
        file = tokenizing.prepared(said, folder, _examples([" ".join(WORDS)] * 3))
    onnx.save(onnx.parser.parse_model(ECHO), folder / "echo.onnx")
    card = Manifest("echo", "embedding", [Tensor.parse("ids: int64[N,T]")], [Tensor.parse("vector: float64[N,T]")])
    ids = np.zeros((1, 2), np.int64)
    bundle.write(folder / "bundle", folder / "echo.onnx", card, ids, {"tokenizer.json": file})
    return tokenizing.Encoder(file), load(folder / "bundle", threads=1)


def _asked(model: Model, texts: list[Any]) -> np.ndarray:
    return np.stack([answer.vector for answer in model.predict(texts)]).astype(np.int64)


def test_texts_asked_together_have_the_ids_of_the_training(both: tuple[tokenizing.Encoder, Model]) -> None:
    encoder, model = both
    wanted = encoder.encoded(_examples([*ODD.values()])).inputs
    np.testing.assert_array_equal(_asked(model, [*ODD.values()]), wanted)
    assert wanted.shape[1] == 24


@pytest.mark.parametrize("name", ODD)
def test_a_text_asked_alone_has_the_ids_of_the_training_without_what_fills_them_up(
    both: tuple[tokenizing.Encoder, Model], name: str
) -> None:
    encoder, model = both
    row = encoder.encoded(_examples([*ODD.values()])).inputs[[*ODD].index(name)]
    alone = _asked(model, [ODD[name]])[0]
    np.testing.assert_array_equal(alone, row[: len(alone)])
    assert (row[len(alone) :] == encoder.pad).all()


@pytest.mark.parametrize("text", ["\ud800", "good \udfff film", ("film", "\udc80")], ids=["high", "low", "of a pair"])
def test_a_lone_surrogate_is_an_error_on_both_sides(both: tuple[tokenizing.Encoder, Model], text: Any) -> None:
    encoder, model = both
    with pytest.raises(DataError, match=r"texts\.csv"):
        encoder.encoded(_examples([text]))
    with pytest.raises(InputError, match="a text cannot be read"):
        model.predict(text)
