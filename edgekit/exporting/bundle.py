"""Writes the bundle an app embeds: the model with its card inside, and the manifest beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgekit import files, manifest
from edgekit.errors import ParityError
from edgekit.graph import cleaning, storage
from edgekit.manifest import Manifest
from edgekit.runtime.bundle import load
from edgekit.runtime.session import open_session


def write(
    folder: Path,
    model: Path,
    card: Manifest,
    inputs: np.ndarray | Mapping[str, np.ndarray],
    beside: Mapping[str, Path] | None = None,
) -> None:
    """Write `model` and its `card` to `folder` in one step, once the bundle answers as `model` does on `inputs`.

    `inputs` are arrays by input name, or one for a model of one input; `beside` are further files by their name in the
    bundle. The card's `requires` gets the model's opset and IR, its `files` the model and what lies beside it. It also
    goes into the ONNX metadata, key by key ("edgekit.task", ...), with the SHA-256 of the model as it was before
    ("edgekit.model_sha256").
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
            if not np.array_equal(values, answered[output], equal_nan=values.dtype.kind == "f"):
                raise ParityError(f'the bundle answers output "{output}" otherwise than the model it was made from')
