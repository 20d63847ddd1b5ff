"""What a schema cannot say: files, the order of stages, and whether the parts of a recipe fit each other. No torch.

Every check reads the plain values and passes over what is absent or of the wrong type, which the schema tells; so
that all faults of a recipe are found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgekit import files, tasks
from edgekit.errors import EdgekitError, nearest
from edgekit.recipe import finding
from edgekit.recipe.document import Document
from edgekit.recipe.faults import Fault, shown
from edgekit.recipe.schema import SOURCES, STAGES
from edgekit.signature import Tensor

# Folders of a run that are not a stage's.
_RESERVED = ("teacher", "student", "bundle")
# What a task's predictor is given: dtype, dimensions, and how that is written.
_INPUTS = {
    "images": ("uint8", 4, "image: uint8[N,28,28,1]"),
    "features": ("float32", 2, "features: float32[N,16]"),
}


def check(document: Document, folder: Path) -> Iterator[Fault]:
    """Yield every fault of a recipe in `folder` that its schema cannot tell."""
    for find in _CHECKS:
        yield from find(document, folder)


def _task(document: Document, folder: Path) -> Iterator[Fault]:
    name = _text(document, "task")
    if name is not None and name not in tasks.TASKS:
        near = nearest(name, list(tasks.TASKS))
        said = f'did you mean "{near}"?' if near else f"one of {', '.join(tasks.TASKS)}"
        yield Fault(("task",), f'there is no task "{name}"; {said}')


def _export(document: Document, folder: Path) -> Iterator[Fault]:
    task = tasks.TASKS.get(_text(document, "task") or "image-classification")
    output = _text(document, "export", "output")
    if task and output is not None and output not in task.heads:
        near = nearest(output, list(task.heads))
        said = f'did you mean "{near}"?' if near else f"it answers {' or '.join(task.heads)}"
        yield Fault(("export", "output"), f'{task.name} has no output "{output}"; {said}')
    line = _text(document, "export", "input")
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
        dtype, dimensions, example = _INPUTS[task.predictor]
        if tensor.dtype != dtype or len(tensor.shape) != dimensions:
            yield Fault(at, f'"{line}" is not what {task.name} takes', f'write it as "{example}"')
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


def _data(document: Document, folder: Path) -> Iterator[Fault]:
    source = _text(document, "data", "source")
    if source is not None and source not in SOURCES and not _exists(folder, source):
        near = nearest(source, list(SOURCES))
        said = f'there is no data source "{source}", and no such file or folder in "{finding.shown(folder)}"'
        hint = f"one of {', '.join(SOURCES)}, a .npz file, or a folder with a folder per class"
        yield Fault(("data", "source"), said + (f'; did you mean "{near}"?' if near else ""), hint)
    labels = document.get("data", "labels")
    if isinstance(labels, list):
        for index, label in enumerate(labels):
            if label in labels[:index]:
                yield Fault(("data", "labels", index), f"{shown(label)} is a label twice")


def _exists(folder: Path, source: str) -> bool:
    try:
        return (folder / Path(source).expanduser()).exists()
    except (OSError, RuntimeError):  # too long a name, no such user
        return False


def _networks(document: Document, folder: Path) -> Iterator[Fault]:
    for network in ("teacher", "student"):
        file = _text(document, network, "model")
        if file is not None and not finding.beside(folder, file):
            near = nearest(file, [path.name for path in (*folder.glob("*.py"), *finding.model_files())])
            said = f'there is no model file "{file}" beside the recipe or among edgekit\'s models'
            yield Fault((network, "model"), said + (f'; did you mean "{near}"?' if near else ""))
    yield from _weights(document, folder)
    if document.get("teacher", "train", "epochs") == 0 and not document.get("teacher", "weights"):
        yield Fault(("teacher", "train", "epochs"), "0 leaves the teacher untrained", "give it epochs, or weights")


def _weights(document: Document, folder: Path) -> Iterator[Fault]:
    file = _text(document, "teacher", "weights", "file")
    if file is None:
        return
    at = ("teacher", "weights", "file")
    found = finding.beside(folder, file)
    wanted = _text(document, "teacher", "weights", "sha256")
    if not found:
        said = f'there is no weights file "{file}" beside the recipe or among edgekit\'s models'
        yield Fault(at, said, "without weights the teacher is trained")
    elif found.suffix != ".safetensors":
        yield Fault(at, f'"{file}" is not a .safetensors file', "safetensors.torch.save_file writes one")
    elif wanted and len(wanted) == 64 and wanted != (sha256 := files.sha256(found)):
        said = f'"{file}" hashes to {sha256}, not to what is said here'
        yield Fault(("teacher", "weights", "sha256"), said, "the file was changed or cut short: get it again")


def _stages(document: Document, folder: Path) -> Iterator[Fault]:
    stages = document.get("stages")
    if not isinstance(stages, dict):
        return
    order = list(STAGES)
    before: str | None = None
    for stage, said in stages.items():
        at = ("stages", stage)
        if stage in _RESERVED or not stage.replace("-", "").isalnum() or stage != stage.lower():
            wanted = (
                f"lower-case letters, digits and hyphens, and not {', '.join(_RESERVED)}: it names a folder of the run"
            )
            yield Fault(at, f'"{stage}" cannot be a stage\'s id', wanted)
        kind = kind_of(stage, said)
        if not isinstance(kind, str) or kind not in STAGES:
            continue
        if before == "quantize":
            yield Fault(at, f"{kind} cannot follow quantize, which leaves nothing to train", "quantize comes last")
        elif before and order.index(kind) < order.index(before):
            yield Fault(at, f"{kind} cannot follow {before}", f"the order is {', '.join(order)}")
        if kind == "distill" and document.get("teacher") is None:
            yield Fault(at, "distill needs a teacher, and the recipe has none", "add the section teacher")
        yield from _losses(said, at)
        before = kind


def _losses(said: Any, at: tuple[str, ...]) -> Iterator[Fault]:
    losses = said.get("losses") if isinstance(said, dict) else None
    if isinstance(losses, dict):
        weights = [part.get("weight") for part in losses.values() if isinstance(part, dict)]
        if len(weights) == 2 and not any(weights):
            yield Fault((*at, "losses"), "both weights are 0: there is nothing to learn from")


def kind_of(stage: str, said: Any) -> Any:
    """Return the kind a stage says it is of: its id, unless `kind` says otherwise."""
    kind = said.get("kind") if isinstance(said, dict) else None
    return stage if kind is None else kind


def _text(document: Document, *path: str) -> str | None:
    value = document.get(*path)
    return value if isinstance(value, str) else None


_CHECKS: tuple[Callable[[Document, Path], Iterator[Fault]], ...] = (_task, _export, _data, _networks, _stages)
