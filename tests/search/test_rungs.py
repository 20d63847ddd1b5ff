"""When a trial ends at a rung."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from edgekit import locks
from edgekit.search.rungs import PEERS, Ended, Watched, ahead, hopeless

BETTER = [(-0.9 - place / 100, 1.0, 10.0) for place in range(6)]


def test_only_a_better_front_is_ahead() -> None:
    assert ahead((-0.5, 2.0, 20.0), BETTER) == 6
    assert ahead((-0.5, 0.5, 20.0), BETTER) == 0, "the fastest is on the front, however poor"
    assert ahead((-0.99, 2.0, 20.0), BETTER) == 0


def test_nothing_is_hopeless_before_enough_others_came_as_far() -> None:
    poor = (-0.5, 2.0, 20.0)
    assert hopeless(poor, BETTER[: PEERS - 1]) == 0
    assert hopeless(poor, BETTER[:PEERS]) == PEERS


def test_the_better_third_goes_on() -> None:
    ladder = [(-place / 10, 1.0, 1.0) for place in range(1, 9)]  # each on a front of its own
    assert hopeless((-0.65, 1.0, 1.0), ladder) == 0, "behind 2 of 8"
    assert hopeless((-0.55, 1.0, 1.0), ladder) == 3


class Quiet(locks.Device):
    def __init__(self) -> None:
        self.asked = 0

    @contextlib.contextmanager
    def busy(self) -> Any:
        self.asked += 1
        yield


def watched(stage: Path, noted: dict[str, Any], peers: Any, own: bool = False) -> Watched:
    return Watched(lambda network: 0.5, Quiet(), stage, [1, 3], (2.0, 20.0), peers, noted.__setitem__, own)


def test_scores_at_rungs_are_noted_and_the_hopeless_end(tmp_path: Path) -> None:
    noted: dict[str, Any] = {}
    watch = watched(tmp_path, noted, lambda epoch: BETTER if epoch == 3 else [])
    lines: list[str] = []
    for epoch in (1, 2):
        assert watch.validate(nn.Identity()) == 0.5
        lines.append(json.dumps({"epoch": epoch, "score": 0.5}))
        (tmp_path / "history.jsonl").write_text("\n".join(lines) + "\n")
    assert noted == {"rungs": {"1": 0.5}}
    with pytest.raises(Ended, match="behind 6 others after 3 epochs"):
        watch.validate(nn.Identity())
    assert noted == {"rungs": {"1": 0.5, "3": 0.5}}


def test_a_training_that_goes_on_notes_the_rungs_it_passed_before(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"epoch": 1, "score": 0.4}\n{"epoch": 2, "score": 0.45}\n')
    noted: dict[str, Any] = {}
    watched(tmp_path, noted, lambda epoch: []).validate(nn.Identity())
    assert noted == {"rungs": {"1": 0.4, "3": 0.5}}


def test_the_recipes_own_values_and_later_stages_are_never_ended(tmp_path: Path) -> None:
    noted: dict[str, Any] = {}
    assert watched(tmp_path, noted, lambda epoch: BETTER, own=True).validate(nn.Identity()) == 0.5
    assert noted == {"rungs": {"1": 0.5}}
    (tmp_path / "candidate.json").write_text("{}")
    assert watched(tmp_path, {}, lambda epoch: BETTER).validate(nn.Identity()) == 0.5
