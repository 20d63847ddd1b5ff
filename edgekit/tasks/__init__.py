"""One torch-free spec per task: its metric, what its model answers, which predictor speaks for it.

To add a task, write a module here with a `Task` and name it in `TASKS`; its losses live in `training/losses/`.
"""

from __future__ import annotations

from edgekit.errors import RecipeError, nearest
from edgekit.tasks.classification import (
    CLASSIFICATION,
    IMAGE_CLASSIFICATION,
    SEQUENCE_CLASSIFICATION,
    TEXT_CLASSIFICATION,
)
from edgekit.tasks.embedding import EMBEDDING
from edgekit.tasks.multi_label import MULTI_LABEL
from edgekit.tasks.next_token import NEXT_TOKEN
from edgekit.tasks.regression import REGRESSION
from edgekit.tasks.spec import Task

_ALL = (
    IMAGE_CLASSIFICATION,
    CLASSIFICATION,
    TEXT_CLASSIFICATION,
    SEQUENCE_CLASSIFICATION,
    REGRESSION,
    NEXT_TOKEN,
    EMBEDDING,
    MULTI_LABEL,
)
TASKS: dict[str, Task] = {task.name: task for task in _ALL}
ARRAYS_ONLY = ("text-generation", "custom")  # what a card may say besides: nothing predicts for it, an app runs arrays

__all__ = ["ARRAYS_ONLY", "TASKS", "Task", "get"]


def get(name: str) -> Task:
    """Return the task of that name; raise RecipeError that names the nearest."""
    if name not in TASKS:
        near = nearest(name, list(TASKS))
        raise RecipeError(
            f'there is no task "{name}"', f'did you mean "{near}"?' if near else f"one of {', '.join(TASKS)}"
        )
    return TASKS[name]
