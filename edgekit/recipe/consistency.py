"""What a schema cannot say: files, the order of stages, and whether the parts of a recipe fit each other. No torch.

Every check reads the plain values and passes over what is absent or of the wrong type, which the schema tells; so
that all faults of a recipe are found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgekit import files, tasks
from edgekit.errors import EdgekitError, nearest
from edgekit.recipe import finding
from edgekit.recipe.data import SOURCES
from edgekit.recipe.document import Document
from edgekit.recipe.faults import Fault, Keys, shown
from edgekit.recipe.losses import POOLED, Losses
from edgekit.recipe.schema import STAGES, Prune, Quantize, Recipe
from edgekit.signature import Tensor

_TASK = Recipe.model_fields["task"].default
# Folders of a run that are not a stage's.
_RESERVED = ("teacher", "student", "bundle")
# What a task's predictor is given: dtype, dimensions, and how that is written. A task without one is given any.
_INPUTS = {
    "images": ("uint8", 4, "image: uint8[N,28,28,1]"),
    "features": ("float32", 2, "features: float32[N,16]"),
    "sequences": ("float32", 3, "window: float32[N,100,6]"),
    "texts": ("int64", 2, "ids: int64[N,T]"),
}
# The losses that compare the probabilities of classes.
_OF_CLASSES = ("dkd", "dist")


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
    elif _of_task(document, "vector"):
        yield from _embedding(document)


def _of_task(document: Document, targets: str) -> bool:
    """Whether the recipe's task has such targets."""
    task = tasks.TASKS.get(_text(document, "task") or _TASK)
    return bool(task and task.targets == targets)


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


def _export(document: Document, folder: Path) -> Iterator[Fault]:
    task = tasks.TASKS.get(_text(document, "task") or _TASK)
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


def _data(document: Document, folder: Path) -> Iterator[Fault]:
    source = _text(document, "data", "source")
    if source is not None and source not in SOURCES and not _exists(folder, source):
        near = nearest(source, list(SOURCES))
        said = f'there is no data source "{source}", and no such file or folder in "{finding.shown(folder)}"'
        hint = (
            f"one of {', '.join(SOURCES)}, a .npz, .csv, .tsv, .jsonl or .txt file, or a folder with a folder per class"
        )
        yield Fault(("data", "source"), said + (f'; did you mean "{near}"?' if near else ""), hint)
    mixed = [document.get("data", "augment", key) for key in ("mixup", "cutmix")]
    often = [value for value in mixed if isinstance(value, int | float)]
    if len(often) == 2 and sum(often) > 1:
        said = f"mixup {mixed[0]} and cutmix {mixed[1]} happen together more often than always"
        yield Fault(("data", "augment", "cutmix"), said, "let them add up to 1 at most")
    labels = document.get("data", "labels")
    if isinstance(labels, list):
        for index, label in enumerate(labels):
            if label in labels[:index]:
                yield Fault(("data", "labels", index), f"{shown(label)} is a label twice")


def _exists(folder: Path, source: str) -> bool:
    if source.startswith((finding.DATA, "hf:")):  # may be fetched after the recipe is read
        return True
    try:
        return (folder / Path(source).expanduser()).exists()
    except (OSError, RuntimeError):  # too long a name, no such user
        return False


def _networks(document: Document, folder: Path) -> Iterator[Fault]:
    student = document.get("student")
    yield from _file(student, "model", ("student",), folder)
    yield from _weights(student.get("start") if isinstance(student, dict) else None, ("student", "start"), folder)
    teacher = document.get("teacher")
    yield from _teacher(teacher, ("teacher",), folder)
    also = teacher.get("also") if isinstance(teacher, dict) else None
    for index, other in enumerate(also if isinstance(also, list) else []):
        at = ("teacher", "also", index)
        yield from _teacher(other, at, folder)
        if isinstance(other, dict) and "model" in other and not other.get("weights"):
            yield Fault(at, "a further teacher is not trained here, and has no weights", "name its weights")
    train = teacher.get("train") if isinstance(teacher, dict) else None
    if isinstance(train, dict) and train.get("epochs") == 0 and not (teacher.get("weights") or teacher.get("start")):
        yield Fault(("teacher", "train", "epochs"), "0 leaves the teacher untrained", "give it epochs, or weights")


def _teacher(said: Any, at: Keys, folder: Path) -> Iterator[Fault]:
    if not isinstance(said, dict):
        return
    kinds = [key for key in ("model", "onnx") if said.get(key) is not None]
    if len(kinds) != 1:
        both = "both a model and an onnx file" if kinds else "neither a model nor an onnx file"
        yield Fault(at, f"it names {both}", "model is a Python file that builds a network, onnx a trained one")
    for key in kinds:
        yield from _file(said, key, at, folder)
    if kinds == ["onnx"]:
        for key in ("args", "weights", "start", "train"):
            if key in said:
                yield Fault((*at, key), "an ONNX file is what it is: nothing is built or trained", f"leave {key} out")
    for key in ("weights", "start"):
        yield from _weights(said.get(key), (*at, key), folder)
    if said.get("weights") is not None and said.get("start") is not None:
        yield Fault((*at, "start"), "what has weights is trained already", "leave start out, or weights")


def _file(said: Any, key: str, at: Keys, folder: Path) -> Iterator[Fault]:
    file = said.get(key) if isinstance(said, dict) else None
    if isinstance(file, str) and not finding.beside(folder, file):
        ending = ".onnx" if key == "onnx" else ".py"
        near = nearest(file, [path.name for path in (*folder.glob(f"*{ending}"), *finding.model_files())])
        what = "ONNX file" if key == "onnx" else "model file"
        told = f'there is no {what} "{file}" beside the recipe or among edgekit\'s models'
        yield Fault((*at, key), told + (f'; did you mean "{near}"?' if near else ""))


def _weights(said: Any, at: Keys, folder: Path) -> Iterator[Fault]:
    file = said.get("file") if isinstance(said, dict) else None
    if not isinstance(file, str) or file.startswith(finding.DATA):  # data may be fetched after the recipe is read
        return
    found, wanted = finding.beside(folder, file), said.get("sha256")
    if not found:
        told = f'there is no weights file "{file}" beside the recipe or among edgekit\'s models'
        yield Fault((*at, "file"), told, "without weights the teacher is trained")
    elif found.suffix != ".safetensors":
        yield Fault((*at, "file"), f'"{file}" is not a .safetensors file', "safetensors.torch.save_file writes one")
    elif isinstance(wanted, str) and len(wanted) == 64 and wanted != (sha256 := files.sha256(found)):
        told = f'"{file}" hashes to {sha256}, not to what is said here'
        yield Fault((*at, "sha256"), told, "the file was changed or cut short: get it again")


def stages(document: Document, folder: Path) -> Iterator[Fault]:
    """Yield the faults of the stages: their ids, kinds, order and losses."""
    found = document.get("stages")
    if not isinstance(found, dict):
        return
    order = list(STAGES)
    before: str | None = None
    for stage, said in found.items():
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
        yield from _losses(document, said, at)
        if kind == "prune":
            yield from _pruning(said, at)
        if kind == "quantize":
            yield from _training_in_8_bits(document, said, at)
        before = kind


def _pruning(said: Any, at: tuple[str, ...]) -> Iterator[Fault]:
    said = said if isinstance(said, dict) else {}
    amounts = [key for key in ("ratio", "target_speedup", "target_p50_ms") if said.get(key) is not None]
    if len(amounts) > 1:
        both = f"{amounts[0]} and {amounts[1]} both say how much is removed"
        yield Fault((*at, amounts[1]), both, f"leave {' or '.join(amounts)} out")
    steps, epochs = said.get("steps"), said.get("epochs", Prune().epochs)
    if isinstance(steps, int) and isinstance(epochs, int) and steps > 1 and epochs < steps:
        yield Fault((*at, "steps"), f"{steps} steps cannot recover in {epochs} epochs", "give each step an epoch")


def _training_in_8_bits(document: Document, said: Any, at: tuple[str, ...]) -> Iterator[Fault]:
    train = said.get("train") if isinstance(said, dict) else None
    if not isinstance(train, dict):
        return
    if said.get("method", Quantize().method) == "static":
        yield Fault((*at, "train"), "method static trains nothing", "say method: auto, or method: training")
    yield from _losses(document, train, (*at, "train"))
    losses = train.get("losses")
    for name in losses if isinstance(losses, dict) else ():
        if name in ("hint", "attention", "relational"):
            complaint = f"{name} compares layers, and what is trained in 8 bits is one captured graph"
            yield Fault((*at, "train", "losses", name), complaint, "leave it out: the answers can be compared")


def _losses(document: Document, said: Any, at: tuple[str, ...]) -> Iterator[Fault]:
    said = said.get("losses") if isinstance(said, dict) else None
    if not isinstance(said, dict):
        return
    if document.get("teacher") is None:
        yield Fault((*at, "losses"), "losses weigh a teacher against the labels, and the recipe has no teacher")
    try:
        losses = Losses.model_validate(said)
    except ValidationError:
        return
    if not losses.counting():
        yield Fault((*at, "losses"), "all weights are 0: there is nothing to learn from")
    for name, loss in losses.counting().items():
        mixed = [pair for pair in loss.compares.items() if POOLED in pair]
        if name in _OF_CLASSES and not _of_task(document, "class"):
            complaint = f"{name} compares the probabilities of classes, and the task has none"
            yield Fault((*at, "losses", name), complaint, "leave it out: soft-target is the task's own")
        if name in ("attention", "attention-map") and mixed:
            complaint = f'"{POOLED}" is a vector, and {name} compares maps'
            yield Fault((*at, "losses", name, "layers", mixed[0][0]), complaint, "name a layer that answers a map")


def kind_of(stage: str, said: Any) -> Any:
    """Return the kind a stage says it is of: its id, unless `kind` says otherwise."""
    kind = said.get("kind") if isinstance(said, dict) else None
    return stage if kind is None else kind


def _text(document: Document, *path: str) -> str | None:
    value = document.get(*path)
    return value if isinstance(value, str) else None


_CHECKS: tuple[Callable[[Document, Path], Iterator[Fault]], ...] = (_task, _export, _data, _networks, stages)
