"""Writes the bundle an app embeds: the model with its card inside, and the manifest beside it. No torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import files, manifest
from edgekit.errors import ParityError, StorageError, UsageError, nearest
from edgekit.exporting import mobile
from edgekit.exporting.blame import differs
from edgekit.exporting.formats import PLAIN, Form, Formed
from edgekit.graph import cleaning, storage
from edgekit.manifest import Manifest
from edgekit.runtime.bundle import load
from edgekit.runtime.session import open_session
from edgekit.tasks import ARRAYS_ONLY, TASKS


@dataclass(frozen=True)
class Written:
    """A bundle that was written: its folder and card, the seconds of each phase, and its form if it is not plain."""

    folder: Path
    card: Manifest
    phases: dict[str, float]
    formed: Formed | None

    def to_dict(self) -> dict[str, Any]:
        """Give what was done as JSON-ready values."""
        phases = {name: round(seconds, 3) for name, seconds in self.phases.items()}
        return {"bundle": str(self.folder), **self.card.to_dict(), "phases": phases}


def write(
    folder: Path,
    model: Path,
    card: Manifest,
    inputs: np.ndarray | Mapping[str, np.ndarray],
    beside: Mapping[str, Path] | None = None,
    form: Form = PLAIN,
) -> None:
    """Write `model` and its `card` to `folder` in one step, once the bundle answers as `model` does on `inputs`.

    `model` is an ONNX file, which is written in the format of `form`. `inputs` are arrays by input name, or one for a
    model of one input; `beside` are further files by their name in the bundle. The card's `requires` gets the model's
    opset and IR, its `files` the model and what lies beside it. It also goes into the ONNX metadata, key by key
    ("edgekit.task", ...), with the SHA-256 of the model as it was before ("edgekit.model_sha256").
    """
    carrying = storage.load(model)
    opset = next(each.version for each in carrying.opset_import if not each.domain)
    said = card.to_dict()
    del said["files"]
    said["requires"] = card.requires | {"opset": opset, "ir": carrying.ir_version}
    metadata = {f"edgekit.{key}": v if isinstance(v, str) else json.dumps(v) for key, v in said.items()}
    metadata["edgekit.model_sha256"] = files.sha256(model)
    cleaning.set_metadata(carrying, metadata)
    feeds = inputs if isinstance(inputs, Mapping) else {card.inputs[0].name: inputs}
    with files.atomic_folder(folder) as temporary:
        if form.format == "ort":
            mobile.write(carrying, temporary)
        else:
            storage.save(carrying, temporary / manifest.MODEL)
        for name, path in (beside or {}).items():
            shutil.copyfile(path, temporary / name)
        listed = {
            path.name: {"sha256": files.sha256(path), "bytes": path.stat().st_size}
            for path in sorted(temporary.iterdir())
        }
        files.write_sealed(temporary / manifest.FILE, said | {"files": listed})
        expected = open_session(model).run(feeds)
        answered = load(temporary)(feeds)
        for output, values in expected.items():
            if differs(answered[output], values, form.between_files):
                raise ParityError(f'the bundle answers output "{output}" otherwise than the model it was made from')


def check_folder(folder: Path) -> Path:
    """Return `folder` if a bundle may be written there: where nothing is, an empty folder, or a bundle before it."""
    with files.disk_errors(folder):
        taken = folder.is_file() or (folder.exists() and any(folder.iterdir()))
    if taken and not (folder / manifest.FILE).is_file():
        raise StorageError(f'"{folder}" is there, and is no bundle', "name a folder that is not there yet")
    return folder.resolve() if folder.name in ("", "..") else folder


def check_task(task: str) -> None:
    """Raise UsageError unless `task` is one that bundles are made for."""
    known = [*TASKS, *ARRAYS_ONLY]
    if task not in known:
        near = nearest(task, known)
        hint = f'did you mean "{near}"?' if near else f"one of {', '.join(known)}"
        raise UsageError(f'there is no task "{task}"', hint)
