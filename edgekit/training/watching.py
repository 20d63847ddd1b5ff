"""How good a network is on validation examples while it is trained, and when that is reason to stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from edgekit.errors import RecipeError
from edgekit.recipe.networks import Train

Validate = Callable[[nn.Module], float]


class Watch:
    """Scores a network after every so many epochs; `best` are its weights where it was best, if training may stop.

    What stands in the history decides, so that a training that goes on decides as one that was never stopped.
    """

    def __init__(self, validate: Validate | None, settings: Train) -> None:
        self._validate, self._patience, self._epochs = validate, settings.patience, settings.epochs
        self._every = settings.validate_every or int(settings.patience > 0)
        if self._every and validate is None:
            raise RecipeError("patience and validate_every need validation examples, and there are none")
        self.best: dict[str, torch.Tensor] = {}

    def look(self, network: nn.Module, history: Sequence[dict[str, Any]], epoch: int) -> dict[str, float]:
        """Return the score of `network` after `epoch` (from 0), to stand in its line of history; {} where none is due.

        It is scored as it is used, and left in that mode.
        """
        last = epoch + 1 == self._epochs
        if not self._every or self._validate is None or ((epoch + 1) % self._every and not last):
            return {}
        with torch.no_grad():
            score = self._validate(network.eval())
        if self._patience and all(score > line["score"] for line in history if "score" in line):
            self.best = {name: value.detach().clone() for name, value in network.state_dict().items()}
        return {"score": score}

    def over(self, history: Sequence[dict[str, Any]]) -> bool:
        """Whether the best score is so many epochs old that the training should stop."""
        scored = [line for line in history if "score" in line]
        if not self._patience or not scored:
            return False
        best = max(scored, key=lambda line: line["score"])  # of equal ones the first
        return bool(history[-1]["epoch"] - best["epoch"] >= self._patience)
