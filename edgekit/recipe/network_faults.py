"""What may be wrong with a recipe's networks: their files, weights and hashes, and what they say twice. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgekit import files
from edgekit.errors import nearest
from edgekit.recipe import finding
from edgekit.recipe.document import Document
from edgekit.recipe.faults import Fault, Keys


def networks(document: Document, folder: Path) -> Iterator[Fault]:
    """Yield what is wrong with the files of teacher and student, and with what they are said to be."""
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
