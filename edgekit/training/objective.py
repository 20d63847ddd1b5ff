"""An objective says what a training minimises: from a batch and the model's outputs to one scalar and its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from edgekit.errors import ModelError, RecipeError
from edgekit.recipe.schema import Losses
from edgekit.training.batches import TorchBatch
from edgekit.training.losses.classification import hard_label
from edgekit.training.losses.distillation import soft_target

TaskLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Parts = dict[str, torch.Tensor]


class Answers(Protocol):
    """Where the teacher's answers to a batch come from: a cache, or the teacher itself."""

    def __call__(self, batch: TorchBatch) -> torch.Tensor:
        """Return the teacher's logits (b, classes) for `batch`."""


class Objective(Protocol):
    """What a training minimises."""

    def __call__(self, batch: TorchBatch, outputs: torch.Tensor) -> tuple[torch.Tensor, Parts]:
        """Return the scalar to minimise, and its unweighted parts by name."""


class Supervised:
    """The labels alone."""

    def __init__(self, loss: TaskLoss | None = None, label_smoothing: float = 0.0) -> None:
        self._loss: TaskLoss = loss or (lambda outputs, targets: hard_label(outputs, targets, label_smoothing))

    def __call__(self, batch: TorchBatch, outputs: torch.Tensor) -> tuple[torch.Tensor, Parts]:
        """Return the loss against the labels."""
        loss = self._loss(outputs, batch.targets)
        return loss, {"hard-label": loss.detach()}


class Distillation:
    """The teacher's answers and the labels, added by weight."""

    def __init__(
        self, losses: Losses, answers: Answers, loss: TaskLoss | None = None, label_smoothing: float = 0.0
    ) -> None:
        if not (losses.soft_target.weight or losses.hard_label.weight):
            raise RecipeError("losses: both weights are 0: there is nothing to learn from")
        self._losses = losses
        self._answers = answers
        self._supervised = Supervised(loss, label_smoothing)

    def __call__(self, batch: TorchBatch, outputs: torch.Tensor) -> tuple[torch.Tensor, Parts]:
        """Return the weighted sum over the recipe's losses."""
        soft, hard = self._losses.soft_target, self._losses.hard_label
        total = outputs.new_zeros(())
        parts: Parts = {}
        if soft.weight:
            taught = self._answers(batch)
            if taught.shape != outputs.shape:
                raise ModelError(
                    f"the teacher answers {list(taught.shape)} and the student {list(outputs.shape)}",
                    "give both networks the same outputs",
                )
            part = soft_target(outputs, taught, soft.temperature)
            total = total + soft.weight * part
            parts["soft-target"] = part.detach()
        if hard.weight:
            part, _ = self._supervised(batch, outputs)
            total = total + hard.weight * part
            parts["hard-label"] = part.detach()
        return total, parts
