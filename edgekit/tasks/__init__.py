"""One torch-free spec per task: its metric, what its model answers, which predictor speaks for it.

To add a task, write a module here with a `Task` and name it in `TASKS`; its losses live in `training/losses/`.
"""

from __future__ import annotations

from edgekit.errors import RecipeError, nearest
from edgekit.tasks.classification import CLASSIFICATION, IMAGE_CLASSIFICATION
from edgekit.tasks.spec import Task

TASKS: dict[str, Task] = {task.name: task for task in (IMAGE_CLASSIFICATION, CLASSIFICATION)}

__all__ = ["TASKS", "Task", "get"]


def get(name: str) -> Task:
    """Return the task of that name; raise RecipeError that names the nearest."""
    if name not in TASKS:
        near = nearest(name, list(TASKS))
        raise RecipeError(
            f'there is no task "{name}"', f'did you mean "{near}"?' if near else f"one of {', '.join(TASKS)}"
        )
    return TASKS[name]
