from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.errors import ModelError
from edgekit.recipe.loading import load
from edgekit.workflow import preparing, rehearsal

NET = """
import torch
from torch import nn


class Placed(nn.Module):
    def __init__(self, tokens, positions, outputs, every):
        super().__init__()
        self.words, self.places = nn.Embedding(tokens, 8), nn.Parameter(torch.zeros(positions, 8))
        self.out, self.every = nn.Linear(8, outputs), every

    def forward(self, ids):
        found = self.words(ids) + self.places[: ids.shape[1]]
        return self.out(found if self.every else found.mean(1))


def build(tokens=100, positions=32, outputs=2, every=False):
    return Placed(tokens, positions, outputs, every)
"""
RECIPE = """
name: placed
task: {task}
data: {data}
student: {{model: net.py, args: {{{args}}}}}
export: {{input: "ids: int64[N,T]"}}
stages: {{quantize: {{}}}}
"""
TEXTS = ("text-classification", "{source: said.tsv, columns: {text: said, label: kind}, text: {tokenizer: train, "
         "length: 32, vocabulary: 100}}")  # fmt: skip
TOKENS = ("next-token", "{source: fox.txt, window: {length: 12}}")


@pytest.fixture
def rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Rehearse a task with a network of such arguments. No text has more than ten tokens; "fox" has 28 characters."""
    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path / "home"))
    rows = [f"the {thing} is {kind}\t{kind}" for kind in ("good", "bad") for thing in map(str, range(40))]
    (tmp_path / "said.tsv").write_text("\n".join(["said\tkind", *rows]))
    (tmp_path / "fox.txt").write_text("the quick brown fox jumps over the lazy dog. " * 100)
    (tmp_path / "net.py").write_text(NET)

    def rehearse(task: str, data: str, args: str) -> None:
        (tmp_path / "placed.yaml").write_text(RECIPE.format(task=task, data=data, args=args))
        rehearsal.rehearse(preparing.prepare(load(tmp_path / "placed.yaml")))

    return rehearse


def test_a_network_that_takes_every_token_and_the_longest_text_passes(rehearsed: Callable[..., None]) -> None:
    rehearsed(*TEXTS, "")


def test_a_token_that_the_network_has_no_embedding_for_is_told_before_any_text_has_it(
    rehearsed: Callable[..., None],
) -> None:
    with pytest.raises(ModelError, match=r"the student, net.py, fails on token \d+, and there are \d+, .*IndexError"):
        rehearsed(*TEXTS, "tokens: 60")


def test_a_text_may_be_longer_than_the_network_takes_though_none_of_the_tried_is(
    rehearsed: Callable[..., None],
) -> None:
    with pytest.raises(ModelError, match="fails on 32 tokens") as caught:
        rehearsed(*TEXTS, "positions: 31")
    assert caught.value.hint and "data.text.length" in caught.value.hint


def test_a_rare_character_is_a_token_as_well(rehearsed: Callable[..., None]) -> None:
    rehearsed(*TOKENS, "tokens: 29, outputs: 29, every: true")
    with pytest.raises(ModelError, match="fails on token 28, and there are 29"):
        rehearsed(*TOKENS, "tokens: 28, outputs: 29, every: true")
