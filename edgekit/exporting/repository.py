"""A model repository as Triton reads it: one folder for a model, a numbered one in it for each version. No torch.

NAME/config.pbtxt      the signature and how to run it
NAME/1/model.onnx      a version, with its manifest
NAME/labels.txt        where the answer is of classes; the tokenizer, where it is texts
NAME/warmup/...        real inputs, raw
NAME/client.py         how to ask it
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from edgekit import files, manifest
from edgekit.errors import ExportError, StorageError, UsageError
from edgekit.exporting import triton, warming
from edgekit.exporting.triton import Serving, batched, check, config
from edgekit.runtime import external
from edgekit.runtime.bundle import load
from edgekit.runtime.model import Model
from edgekit.runtime.states import states
from edgekit.signature import Tensor

CONFIG = "config.pbtxt"
_SEAL = "# written by edgekit export, sealed "


class Repository(NamedTuple):
    """What was written: the model's folder, the version, and whether it was `known`, that is there before.

    `checked`: read back by the published schema. `warmed`: by real inputs. `stateful`: the server keeps its states.
    `notes`: what a person should know.
    """

    folder: Path
    version: int
    known: bool
    checked: bool
    warmed: bool
    stateful: bool
    notes: tuple[str, ...] = ()


def write(source: Path, folder: Path, serving: Serving, examples: Mapping[str, Any] | None = None) -> Repository:
    """Add the bundle or ONNX file `source` to the repository `folder` as a version of its model.

    `examples`: real inputs by name (n, ...), the first of which warms each version up; zeros without. Raises UsageError
    where the version is another model, ExportError where the model's other versions take or answer something else.
    """
    model = load(source, tuned=False)
    origin = source / model.manifest.model if model.manifest and source.is_dir() else source
    if origin.suffix != ".onnx":
        raise ExportError(
            f'Triton reads ONNX, and "{origin}" is onnxruntime\'s own format', "export --format onnx first"
        )
    own = model.manifest.name if model.manifest else source.stem
    serving = replace(serving, name=triton.check_name(serving.name or own))
    place = folder / serving.name
    _check_place(folder, place)
    version, known = _version(place, serving.version, files.sha256(origin))
    labels = [] if any(label.splitlines() != [label] for label in model.labels) else model.labels
    warmup, raw, feeds = warming.request(model, examples)
    # As the file has them: the server compares the outputs with it, and not with the manifest.
    inputs, outputs = model.session.inputs, model.session.outputs
    joins = batched(inputs, outputs) and warming.apart(model, examples)
    text = config(serving, inputs, outputs, labels, warmup, joins)
    _check_alike(place, text)
    checked = check(text)
    if not known:
        with files.atomic_folder(place / str(version)) as temporary:
            for path in _parts(origin):
                shutil.copyfile(path, temporary / (manifest.MODEL if path == origin else path.name))
            if model.manifest:
                shutil.copyfile(source / manifest.FILE, temporary / manifest.FILE)
    for name, content in raw.items():
        with files.atomic(place / "warmup" / name) as temporary:
            temporary.write_bytes(content)
    if labels:
        files.write_text(place / "labels.txt", "".join(f"{label}\n" for label in labels))
    beside = [each for each in (model.manifest.files if model.manifest else {}) if each.startswith("tokenizer")]
    for name in beside:
        with files.atomic(place / name) as temporary:
            shutil.copyfile(source / name, temporary)
    files.write_text(place / "client.py", _client(serving, model, version, beside, feeds))
    if not _altered(place / CONFIG):
        sealed = f"{_SEAL}{files.fingerprint(text)}\n{text}"
        files.write_text(place / CONFIG, sealed)  # last: without it a server does not look at the rest
    stateful = bool(states(model.inputs, model.outputs))
    return Repository(place, version, known, checked, bool(raw), stateful, tuple(_notes(place, joins, labels, model)))


def _check_place(folder: Path, place: Path) -> None:
    if (folder / manifest.FILE).exists():
        raise StorageError(f'"{folder}" is a bundle', "name the folder of all models for --out")
    if place.exists() and any(place.iterdir()) and not (place / CONFIG).is_file():
        raise StorageError(f'"{place}" is there, and is no model of a repository', "give it another name: name=NAME")


def _altered(path: Path) -> bool:
    """Say whether a configuration is there that is not as it was written."""
    if not path.is_file():
        return False
    seal, _, text = path.read_text("utf-8").partition("\n")
    return seal != f"{_SEAL}{files.fingerprint(text)}"


def _notes(place: Path, joins: bool, labels: list[str], model: Model) -> Iterator[str]:
    if not joins and batched(model.session.inputs, model.session.outputs):
        yield "a row's answer changes with the rows beside it: the server does not join requests"
    if _altered(place / CONFIG):
        yield f"{CONFIG} was changed by hand, and is left as it is"
    if model.labels and not labels:
        yield "labels of which some are no line of text are left in the manifest"


def _version(place: Path, asked: int, digest: str) -> tuple[int, bool]:
    """Return the number of the version to write, and whether it is there already."""
    numbers = sorted(int(each.name) for each in place.glob("[0-9]*") if each.name.isdecimal()) if place.exists() else []
    held = {number: files.sha256(place / str(number) / manifest.MODEL) for number in numbers}
    if asked in held and held[asked] != digest:
        raise UsageError(f'version {asked} of "{place.name}" is another model', f"version={numbers[-1] + 1} is free")
    same = [number for number, known in held.items() if known == digest]
    if asked in held or (same and not asked):
        return asked or same[-1], True
    return asked or (numbers[-1] + 1 if numbers else 1), False


def _check_alike(place: Path, text: str) -> None:
    """One configuration is of all versions: inputs and outputs must be as they were."""
    path = place / CONFIG
    if path.is_file() and _signature(path.read_text("utf-8")) != _signature(text):
        raise ExportError(
            f'"{place.name}" has versions that take or answer something else than this model',
            "give it another name: name=NAME",
        )


def _signature(text: str) -> list[str]:
    blocks = text.replace("\n}", "\n}\0").split("\0")
    return [
        block.strip() for block in blocks if block.strip().startswith(("input {", "output {", "sequence_batching {"))
    ]


def _parts(origin: Path) -> list[Path]:
    """Return the model's file and those its weights lie in."""
    return [origin, *(origin.parent / name for name in sorted(set(external.files(str(origin)))))]


def _client(serving: Serving, model: Model, version: int, beside: list[str], feeds: Mapping[str, np.ndarray]) -> str:
    """Write a program that asks the server once, with the model's own names and shapes."""
    kept = states(model.inputs, model.outputs)
    lines = ['"""Ask the model once: pip install "tritonclient[http]"."""', "", "import numpy as np"]
    lines += ["import tritonclient.http as http", "", 'client = http.InferenceServerClient("localhost:8000")']
    if beside:
        lines += [f"# {', '.join(beside)}, beside this file, makes the ids of a text: the server takes ids."]
    if model.manifest and model.manifest.preprocessing.get("in_graph"):
        lines += ["# Inputs as an app has them: scaling and normalising are within the model."]
    lines.append("inputs = []")
    for tensor in model.inputs:
        if tensor.name in kept:
            continue
        shape = list(feeds[tensor.name].shape)
        lines.append(f'given = np.zeros({tuple(shape)}, "{tensor.dtype}")')
        shape += [1] if len(shape) == batched(model.inputs, model.outputs) else []  # [1] to the server
        lines.append(f'inputs.append(http.InferInput("{tensor.name}", {shape}, "{_wire(tensor)}"))')
        lines.append(f"inputs[-1].set_data_from_numpy(given.reshape({shape}))")
    more = ", sequence_id=1, sequence_start=True, sequence_end=False" if kept else ""
    lines.append(f'answer = client.infer("{serving.name}", inputs, model_version="{version}"{more})')
    told = [tensor.name for tensor in model.outputs if tensor.name not in kept.values()]
    lines += [f'print("{name}", answer.as_numpy("{name}"))' for name in told]
    return "\n".join(lines) + "\n"


def _wire(tensor: Tensor) -> str:
    """Return the dtype as KServe's protocol writes it."""
    return {"string": "BYTES", "bool": "BOOL"}.get(tensor.dtype, tensor.dtype.upper().replace("FLOAT", "FP"))
