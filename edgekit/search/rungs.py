"""When a trial is not worth going on with: at a rung, behind too many of those that came as far.

Optuna ends no trials of several objectives. Here a trial goes on while it is among the better third of all that
reached the rung, by how many fronts lie before its own: the factor 3 of asynchronous successive halving (Li et al.
2020, arXiv 1810.05934), with the ranks of non-dominated sorting in place of a single score.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from edgekit import locks
from edgekit.search.front import Point, ranks
from edgekit.training.watching import Validate
from edgekit.workflow.candidates import HISTORY, RECORD

PEERS = 4  # others that must have come as far before any trial ends
_PART = 3

Note = Callable[[str, Any], None]
Peers = Callable[[int], Sequence[Point]]


class Ended(Exception):
    """A trial that is not worth going on with: `state` is "stopped" or "infeasible"."""

    def __init__(self, state: str, why: str) -> None:
        super().__init__(why)
        self.state = state


def ahead(point: Point, others: Sequence[Point]) -> int:
    """Return how many of `others` are on a better front than `point`; of each figure less is better."""
    found = ranks([point, *others])
    return sum(rank < found[0] for rank in found[1:])


def hopeless(point: Point, others: Sequence[Point]) -> int:
    """Return how many of `others` are ahead where they are too many to go on, else 0."""
    before = ahead(point, others) if len(others) >= PEERS else 0
    return before if before >= (len(others) + 1) / _PART else 0


class Watched:
    """Stands for the job's own validation: notes the score at every rung, and ends the trial where it is hopeless."""

    def __init__(
        self,
        score: Validate | None,
        device: locks.Device,
        stage: Path,
        rungs: Sequence[int],
        sizes: tuple[float, float],
        peers: Peers,
        note: Note,
        own: bool,
    ) -> None:
        assert score
        self._score, self._device, self._stage = score, device, stage
        self._rungs, self._sizes, self._peers, self._note, self._own = rungs, sizes, peers, note, own
        self._noted: dict[str, float] = {}

    def validate(self, network: nn.Module) -> float:
        """Score `network`; raise Ended where too many are ahead of it."""
        with self._device.busy():
            score = self._score(network)
        if (self._stage / RECORD).exists():  # another stage trains
            return score
        before = _history(self._stage / HISTORY)
        for epoch, found in {**before, len(before) + 1: score}.items():
            if epoch in self._rungs and str(epoch) not in self._noted:
                self._rung(epoch, found)
        return score

    def _rung(self, epoch: int, score: float) -> None:
        others = self._peers(epoch)
        self._noted[str(epoch)] = score
        self._note("rungs", self._noted)
        if not self._own and (count := hopeless((-score, *self._sizes), others)):
            raise Ended("stopped", f"behind {count} others after {epoch} epoch{'s' if epoch > 1 else ''}")


def _history(path: Path) -> dict[int, float]:
    """Return the scores of the epochs before, by epoch; of a training that went on, also earlier ones."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {line["epoch"]: line["score"] for line in lines if "score" in line}
