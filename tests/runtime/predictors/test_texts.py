"""Texts through real tokenizers, made here. The models answer with what they were given, or count words."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit import files
from edgekit.errors import BundleError, InputError
from edgekit.manifest import FILE
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model

tokenizers = pytest.importorskip("tokenizers", reason="texts need tokenizers: pip install edgekit-onnx[text]")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "film", "a"]
PAD, UNK, CLS, SEP, GOOD, BAD, FILM, A = range(len(WORDS))
# Every part of an encoding is answered as a vector, one after the other.
ECHO = """(int64[N,T] input_ids, int64[N,T] attention_mask, int64[N,T] token_type_ids) => (float[N,U] vector) {
    all = Concat<axis = 1>(input_ids, attention_mask, token_type_ids) vector = Cast<to = 1>(all) }"""
ECHO_INPUTS = [f"{name}: int64[N,T]" for name in ("input_ids", "attention_mask", "token_type_ids")]
IDS = "(int32[N,{t}] tokens) => (float[N,{t}] vector) {{ vector = Cast<to = 1>(tokens) }}"
# As many votes for "good" as there are good words, and so for "bad".
VOTES = """(int64[N,T] input_ids) => (float[N,2] logits)
<int64[1] good = {4}, int64[1] bad = {5}, int64[1] axis = {1}> {
    is_good = Equal(input_ids, good) is_bad = Equal(input_ids, bad)
    ones = Cast<to = 1>(is_good) others = Cast<to = 1>(is_bad)
    plus = ReduceSum(ones, axis) minus = ReduceSum(others, axis) logits = Concat<axis = 1>(plus, minus) }"""


def word_level() -> Any:
    """A tokenizer of whole words, as BERT frames them: [CLS] a [SEP] b [SEP]."""
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: id for id, word in enumerate(WORDS)}, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", CLS), ("[SEP]", SEP)]
    )
    return made


def word_piece() -> Any:
    """A tokenizer of pieces of words, without frames and without [PAD]."""
    pieces = {"[UNK]": 0, "go": 1, "##od": 2, "##ing": 3}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(pieces, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return made


@pytest.fixture
def texts(bundle: Callable[..., Path]) -> Callable[..., Model]:
    """Make a model with a tokenizer in its bundle."""

    def make(text: str, inputs: list[str], output: str, tokenizer: Any, task: str = "embedding", **said: Any) -> Model:
        folder = bundle(text, task, inputs, [output], **said)
        content = tokenizer if isinstance(tokenizer, bytes) else tokenizer.to_str().encode()
        (folder / "tokenizer.json").write_bytes(content)
        card = files.read_sealed(folder / FILE)
        assert card
        card["files"]["tokenizer.json"] = {"sha256": sha256(content).hexdigest(), "bytes": len(content)}
        files.write_sealed(folder / FILE, card)
        return load(folder, threads=1)

    return make


@pytest.fixture
def echo(texts: Callable[..., Model]) -> Callable[..., Model]:
    return lambda tokenizer, **said: texts(ECHO, ECHO_INPUTS, "vector: float32[N,U]", tokenizer, **said)


def seen(answer: Any) -> list[list[int]]:
    """Ids, mask and types the model was given for one text."""
    return answer.vector.reshape(3, -1).astype(int).tolist()


def test_a_text_is_answered_by_its_label(texts: Callable[..., Model]) -> None:
    model = texts(VOTES, ["input_ids: int64[N,T]"], "logits: float32[N,2]", word_level(), "text-classification",
                  labels=["good", "bad"])  # fmt: skip
    answer = model.predict("A GOOD good film", top=2)
    assert [label for label, _ in answer.top] == ["good", "bad"]
    assert answer.probability == pytest.approx(np.exp(2) / (np.exp(2) + 1))
    answers = model.predict(["bad film", "a good", "bad bad good"])
    assert [answer.label for answer in answers] == ["bad", "good", "bad"]
    assert model.predict([]) == []


@pytest.mark.parametrize(
    ("count", "right", "wrong", "said", "hint"),
    [
        (2, ("bad film", "a"), "bad film", "given a single text, and the model takes pairs", "a tuple of two strings"),
        (1, "bad film", ("bad", "film"), "given a pair, and the model takes single texts", "a list of strings"),
    ],
)
def test_a_model_of_pairs_and_one_of_single_texts_are_not_mistaken_for_each_other(
    echo: Callable[..., Model], count: int, right: Any, wrong: Any, said: str, hint: str
) -> None:
    model = echo(word_level(), preprocessing={"texts": count})
    assert len(model.predict([right, right])) == 2
    for asked in (wrong, [right, wrong]):
        with pytest.raises(InputError, match=said) as caught:
            model.predict(asked)
        assert hint in caught.value.hint


def test_ids_mask_and_types_are_the_tokenizers_and_several_texts_are_padded(echo: Callable[..., Model]) -> None:
    model = echo(word_level())
    assert seen(model.predict("good film")) == [[CLS, GOOD, FILM, SEP], [1] * 4, [0] * 4]
    short, pair, unknown = model.predict(["good", ("bad film", "a"), "xyz"])
    assert seen(short) == [[CLS, GOOD, SEP, 0, 0, 0], [1, 1, 1, 0, 0, 0], [0] * 6]
    assert seen(pair) == [[CLS, BAD, FILM, SEP, A, SEP], [1] * 6, [0, 0, 0, 0, 1, 1]]
    assert seen(unknown)[0][:3] == [CLS, UNK, SEP]
    assert seen(model.predict(("bad film", "a"))) == seen(pair)
    assert [seen(answer) for answer in model.predict(np.array(["good"]))] == [[[CLS, GOOD, SEP], [1] * 3, [0] * 3]]


def test_truncation_and_padding_are_those_of_the_tokenizer_file(echo: Callable[..., Model]) -> None:
    tokenizer = word_level()
    tokenizer.enable_truncation(4, direction="left")
    tokenizer.enable_padding(direction="left", pad_id=UNK, pad_token="[UNK]", length=5)
    assert seen(echo(tokenizer).predict("good bad film"))[0] == [UNK, CLS, BAD, FILM, SEP]


@pytest.mark.parametrize(("limit", "kept"), [(3, 3), (4, 4), (64, 5)])
def test_the_shortest_limit_holds_of_manifest_and_tokenizer(echo: Callable[..., Model], limit: int, kept: int) -> None:
    tokenizer = word_level()
    tokenizer.enable_truncation(5)
    model = echo(tokenizer, preprocessing={"max_length": limit})
    assert len(seen(model.predict("a " * 100))[0]) == kept


def test_a_graph_of_fixed_length_gets_texts_of_that_length(texts: Callable[..., Model]) -> None:
    model = texts(IDS.format(t=4), ["tokens: int32[N,4]"], "vector: float32[N,4]", word_level())
    assert model.predict("a").vector.tolist() == [CLS, A, SEP, PAD]
    assert model.predict("good bad film a").vector.tolist() == [CLS, GOOD, BAD, SEP]


def test_texts_of_one_length_need_no_padding_and_others_need_to_be_told(texts: Callable[..., Model]) -> None:
    def make(**said: Any) -> Model:
        return texts(IDS.format(t="T"), ["tokens: int32[N,T]"], "vector: float32[N,T]", word_piece(), **said)

    model = make()
    assert model.predict("going good").vector.tolist() == [1, 3, 1, 2]
    assert len(model.predict(["good", "going"])) == 2
    with pytest.raises(BundleError, match="does not say how texts of different lengths are padded") as caught:
        model.predict(["good", "go"])
    assert caught.value.hint and '"pad_token"' in caught.value.hint


def test_the_manifest_may_name_the_token_to_pad_with(echo: Callable[..., Model]) -> None:
    short, _ = echo(word_level(), preprocessing={"pad_token": "a"}).predict(["good", "a a"])
    assert seen(short)[0] == [CLS, GOOD, SEP, A]


@pytest.mark.parametrize("x", [5, None, ["good", 5], ("a", "b", "c"), [["a", "b"]], b"good"], ids=repr)
def test_what_is_no_text_is_refused(echo: Callable[..., Model], x: Any) -> None:
    with pytest.raises(InputError, match=r"given .+ for a text"):
        echo(word_level()).predict(x)


@pytest.mark.parametrize(
    ("x", "message"),
    [(["go", ""], "text 1 has no tokens"), ("\ud800", "a text cannot be read")],
    ids=["empty", "surrogate"],
)
def test_a_text_that_cannot_be_read_is_refused(texts: Callable[..., Model], x: Any, message: str) -> None:
    model = texts(IDS.format(t="T"), ["tokens: int32[N,T]"], "vector: float32[N,T]", word_piece())
    with pytest.raises(InputError, match=message):
        model.predict(x)


@pytest.mark.parametrize(
    ("tokenizer", "said", "message"),
    [
        (b"{}", {}, 'tokenizer.json" cannot be used'),
        (b"no json", {}, 'tokenizer.json" cannot be used'),
        (None, {"preprocessing": {"max_length": "64"}}, "says max_length '64'"),
        (None, {"preprocessing": {"pad_token": "<none>"}}, 'its vocabulary has no "<none>"'),
    ],
    ids=["foreign", "damaged", "limit", "pad"],
)
def test_a_tokenizer_that_does_not_fit_is_the_bundles_fault(
    echo: Callable[..., Model], tokenizer: bytes | None, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        echo(tokenizer or word_level(), **said).predict("good")


def test_a_model_that_takes_something_else_than_tokens_cannot_read_texts(texts: Callable[..., Model]) -> None:
    text = "(int64[N,T] input_ids, int64[N,T] position_ids) => (float[N,T] vector) { s = Add(input_ids, position_ids) \
        vector = Cast<to = 1>(s) }"
    inputs = ["input_ids: int64[N,T]", "position_ids: int64[N,T]"]
    with pytest.raises(BundleError, match="position_ids"):
        texts(text, inputs, "vector: float32[N,T]", word_level()).predict("good")


def test_a_bundle_for_texts_without_a_tokenizer_says_so(bundle: Callable[..., Path]) -> None:
    model = load(bundle(VOTES, "text-classification", ["input_ids: int64[N,T]"], ["logits: float32[N,2]"]), threads=1)
    with pytest.raises(BundleError, match=r"its manifest lists no tokenizer\.json"):
        model.predict("good")
