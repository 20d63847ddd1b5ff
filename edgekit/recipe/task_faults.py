"""What a recipe's task asks of the rest of it: what goes in, what comes out, what must be there. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgekit import tasks
from edgekit.errors import EdgekitError, nearest
from edgekit.recipe.document import Document
from edgekit.recipe.faults import Fault, shown
from edgekit.recipe.schema import Recipe
from edgekit.signature import Tensor

_TASK = Recipe.model_fields["task"].default
# What a task's predictor is given: dtype, dimensions, and how that is written. A task without one is given any.
_INPUTS = {
    "images": ("uint8", 4, "image: uint8[N,28,28,1]"),
    "features": ("float32", 2, "features: float32[N,16]"),
    "sequences": ("float32", 3, "window: float32[N,100,6]"),
    "texts": ("int64", 2, "ids: int64[N,T]"),
}


def _asked(document: Document) -> tasks.Task | None:
    return tasks.TASKS.get(document.text("task") or _TASK)


def of(document: Document, targets: str) -> bool:
    """Tell whether the recipe's task has such targets."""
    task = _asked(document)
    return bool(task and task.targets == targets)


def task(document: Document, folder: Path) -> Iterator[Fault]:
    """Yield what is wrong with the name of the task, and what is missing for it."""
    name = document.text("task")
    if name is not None and name not in tasks.TASKS:
        near = nearest(name, list(tasks.TASKS))
        said = f'did you mean "{near}"?' if near else f"one of {', '.join(tasks.TASKS)}"
        yield Fault(("task",), f'there is no task "{name}"; {said}')
    elif of(document, "vector"):
        yield from _embedding(document)


def _embedding(document: Document) -> Iterator[Fault]:
    """There are no labels: a teacher must be there, and know it all already."""
    teacher = document.get("teacher")
    if teacher is None:
        yield Fault(("task",), "embedding learns from a teacher, and the recipe has none", "add the section teacher")
    train = teacher.get("train") if isinstance(teacher, dict) else None
    trained = isinstance(train, dict) and train.get("epochs") == 0
    if isinstance(teacher, dict) and not (teacher.get("weights") or teacher.get("onnx") or trained):
        told = "embedding has no labels that the teacher could be trained by"
        yield Fault(("teacher",), told, "name its weights or an onnx file, or start, and train: {epochs: 0}")


def export(document: Document, folder: Path) -> Iterator[Fault]:
    """Yield where `export` is not what the task takes and answers."""
    task = _asked(document)
    output = document.text("export", "output")
    if task and output is not None and output not in task.heads:
        near = nearest(output, list(task.heads))
        said = f'did you mean "{near}"?' if near else f"it answers {' or '.join(task.heads)}"
        yield Fault(("export", "output"), f'{task.name} has no output "{output}"; {said}')
    line = document.text("export", "input")
    if line is None:
        return
    try:
        tensor = Tensor.parse(line)
    except EdgekitError as error:
        yield Fault(("export", "input"), str(error), error.hint)
        return
    at = ("export", "input")
    if not tensor.shape or not isinstance(tensor.shape[0], str):
        yield Fault(at, f'"{line}" has no batch', f"begin the shape with a name: {_batched(tensor)}")
    elif task:
        taken = [_INPUTS[task.predictor]] if task.predictor else list(_INPUTS.values())
        if (tensor.dtype, len(tensor.shape)) not in [each[:2] for each in taken]:
            examples = " or ".join(f'"{example}"' for _, _, example in taken)
            yield Fault(at, f'"{line}" is not what {task.name} takes', f"write it as {examples}")
        elif isinstance(tensor.shape[-1], int):
            yield from _normalize(document, tensor.shape[-1])


def _batched(tensor: Tensor) -> Tensor:
    return Tensor(tensor.name, tensor.dtype, ("N", *tensor.shape))


def _normalize(document: Document, channels: int) -> Iterator[Fault]:
    for key in ("mean", "std"):
        values = document.get("data", "normalize", key)
        if isinstance(values, list) and values and len(values) != channels:
            many = f"{channels} value" + ("s" if channels > 1 else "")
            said = f"{shown(values)} has {len(values)}; export.input has {channels} in its last dimension"
            yield Fault(("data", "normalize", key), said, f"give {many}, one per channel")
