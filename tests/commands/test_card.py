"""What a card says in lines, beside what `inspect` shows of whole bundles."""

from __future__ import annotations

import pytest

from edgekit.commands import card
from edgekit.manifest import Manifest
from edgekit.signature import Tensor


def _said(inputs: list[str], outputs: list[str], **said: object) -> dict[str, str]:
    made = Manifest("m", "next-token", *([Tensor.parse(each) for each in lines] for lines in (inputs, outputs)), **said)
    return dict(card.lines(made))


def test_states_and_what_they_go_on_as_are_said() -> None:
    said = _said(["ids: int64[N,1]", "h: float32[N,2,8]"], ["logits: float32[N,1,9]", "next_h: float32[N,2,8]"])
    assert said["states"] == "h: float32[N,2,8], answered as next_h"
    assert "states" not in _said(["x: float32[N,8]"], ["y: float32[N,8]"])


def test_labels_that_are_no_letters_can_be_read() -> None:
    assert _said(["x: float32[N,8]"], ["y: float32[N,3]"], labels=["\n", "a", "\t"])["labels"] == "\\n, a, \\t"


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ({"value": 0.981, "low": 0.96, "high": 0.991, "n": 359, "split": "test"},
         "98.1 % [96.0, 99.1] on 359 examples (test)"),
        ({"value": 2.0, "low": 1.75, "high": 2.25, "n": 9, "unit": "bits"}, "2.000 bits [1.750, 2.250] on 9 examples"),
        ({"value": 0.998, "low": None, "high": None, "unit": ""}, "0.998"),
        ({"points": -0.4, "low": -1.2, "high": 0.4, "n": 250, "split": "half"},
         "−0.4 points [−1.2, +0.4] on 250 examples (half)"),
    ],
    ids=["share", "bits", "bare", "change"],
)  # fmt: skip
def test_figures_are_said_in_the_unit_of_their_metric(figures: dict[str, object], text: str) -> None:
    assert _said(["x: float32[N,8]"], ["y: float32[N,3]"], metrics={"metric": figures})["metric"] == text


def test_what_is_done_to_a_text_or_a_recording_is_told_from_what_the_graph_does() -> None:
    done = {"window": {"length": 100, "hop": 50}, "mean": [0.5], "std": [2.0], "in_graph": True}
    said = _said(["x: float32[N,T,C]"], ["y: float32[N,3]"], preprocessing=done)["preprocessing"]
    assert said == "window length 100, hop 50; in the graph: mean 0.5, std 2.0"
    said = _said(["ids: int64[N,T]"], ["y: float32[N,3]"], preprocessing={"max_length": 64})["preprocessing"]
    assert said == "max_length 64"
