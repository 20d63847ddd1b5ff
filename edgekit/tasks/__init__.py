"""One torch-free spec per task: its metric, what its model answers, which predictor speaks for it.

To add a task, write a module here with a `Task` and name it in `TASKS`; its losses live in `training/losses/`. Bundles
made elsewhere may have more purposes than recipes can train for: `PURPOSES` holds all that are predicted.
"""

from __future__ import annotations

from edgekit.errors import RecipeError, nearest
from edgekit.tasks.classification import CLASSIFICATION, IMAGE_CLASSIFICATION
from edgekit.tasks.spec import Purpose, Task

TASKS: dict[str, Task] = {task.name: task for task in (IMAGE_CLASSIFICATION, CLASSIFICATION)}
_PREDICTED_ONLY = (
    Purpose("text-classification", "texts", "classes"),
    Purpose("sequence-classification", "sequences", "classes"),
    Purpose("regression", None, "numbers"),
    Purpose("embedding", None, "vectors"),
)
ARRAYS_ONLY = ("text-generation", "custom")  # what a card may say besides: nothing predicts for it, an app runs arrays
PURPOSES: dict[str, Purpose] = {**TASKS, **{purpose.name: purpose for purpose in _PREDICTED_ONLY}}

__all__ = ["ARRAYS_ONLY", "PURPOSES", "TASKS", "Purpose", "Task", "get"]


def get(name: str) -> Task:
    """Return the task of that name; raise RecipeError that names the nearest."""
    if name not in TASKS:
        near = nearest(name, list(TASKS))
        raise RecipeError(
            f'there is no task "{name}"', f'did you mean "{near}"?' if near else f"one of {', '.join(TASKS)}"
        )
    return TASKS[name]
