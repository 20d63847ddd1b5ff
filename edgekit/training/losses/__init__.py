"""What a training minimises, one function each with its formula, source and shapes."""

from __future__ import annotations

from edgekit.training.losses import classification, embedding, multi_label, next_token, regression
from edgekit.training.losses.task import TaskLoss, TaskLosses

# The losses of a task, by its `targets`.
BY_TARGETS: dict[str, TaskLosses] = {
    "class": classification.LOSSES,
    "number": regression.LOSSES,
    "labels": multi_label.LOSSES,
    "token": next_token.LOSSES,
    "vector": embedding.LOSSES,
}
CLASSES = BY_TARGETS["class"]


def own(loss: TaskLoss) -> TaskLosses:
    """Return the losses where `loss(outputs, targets)` is the user's own; a teacher is learned from as classes are."""
    return TaskLosses(lambda outputs, batch, smoothing: loss(outputs, batch.targets), CLASSES.soft, of_classes=True)


__all__ = ["BY_TARGETS", "CLASSES", "TaskLoss", "TaskLosses", "own"]
