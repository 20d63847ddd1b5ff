"""edgekit predict on texts and pairs of them, through a tokenizer made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgekit import cli
from edgekit.exporting import bundle
from edgekit.manifest import Manifest
from edgekit.signature import Tensor

tokenizers = pytest.importorskip("tokenizers", reason="texts need tokenizers: pip install edgekit-onnx[text]")

# Two numbers for each example: how many tokens it has, and the sum of their ids.
COUNT = """
<ir_version: 9, opset_import: ["" : 18]>
count (int64[N,T] ids) => (float[N,2] value)
<int64[1] axis = {1}, int64[1] pad = {0}>
{
  blank = Equal(ids, pad)
  real = Not(blank)
  ones = Cast<to = 1>(real)
  numbers = Cast<to = 1>(ids)
  tokens = ReduceSum(ones, axis)
  sum = ReduceSum(numbers, axis)
  value = Concat<axis = 1>(tokens, sum)
}
"""
WORDS = ["[PAD]", "[UNK]", "[SEP]", "good", "bad"]


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
    monkeypatch.chdir(tmp_path)
    onnx.save(onnx.parser.parse_model(COUNT), "count.onnx")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: id for id, word in enumerate(WORDS)}, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing("$A", "$A [SEP] $B", [("[SEP]", 2)])
    made.save("tokenizer.json")

    def make(texts: int) -> str:
        tensors = [Tensor.parse("ids: int64[N,T]")], [Tensor.parse("value: float32[N,2]")]
        card = Manifest("count", "regression", *tensors, preprocessing={"texts": texts})
        beside = {"tokenizer.json": Path("tokenizer.json")}
        bundle.write(Path("counter"), Path("count.onnx"), card, np.ones((2, 3), np.int64), beside)
        return "counter"

    return make


def test_texts_get_a_line_each(counter: Callable[[int], str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["predict", counter(1), "good", "bad good bad"]) == 0
    assert capsys.readouterr().out == "good: 1  3\nbad good bad: 3  11\n"


def test_a_model_of_pairs_is_given_texts_two_by_two(
    counter: Callable[[int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["good", "bad bad", "bad", "good"]
    assert cli.run(["predict", counter(2), *names]) == 0
    assert capsys.readouterr().out == "good | bad bad: 4  13\nbad | good: 3  9\n"
    assert cli.run(["predict", "counter", *names, "--json"]) == 0
    assert [told["input"] for told in json.loads(capsys.readouterr().out)] == [names[:2], names[2:]]


def test_a_text_that_is_left_over_is_an_error(
    counter: Callable[[int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["predict", counter(2), "good", "bad", "bad good"]) == 1
    assert capsys.readouterr().err == (
        'error: "bad good" is left over: the model takes pairs\nhint: give two texts for each answer\n'
    )
