"""What `edgekit inspect` finds, as one document with a schema. For `inspect`; imports nothing heavy until it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit.commands.support import Support
from edgekit.graph.description import Description
from edgekit.manifest import Manifest

SCHEMA = 1  # raised when a field is taken away or means something else; new fields may come at any time


@dataclass(frozen=True)
class File:
    """A file of the model; `intact`: whether it is the one the manifest was written for, None where none says so."""

    name: str
    bytes: int
    sha256: str
    intact: bool | None


@dataclass(frozen=True)
class Inspection:
    """What is in a model: its card, its files, its graph, and where it runs.

    `model`: the ONNX file. `manifest`: what the bundle says of itself (task, signature, labels, preprocessing, metrics,
    parity, latency, provenance), None for a bare file. `intact`: whether all files are those the manifest names.
    """

    schema: int
    model: str
    manifest: dict[str, Any] | None
    intact: bool | None
    files: list[File]
    graph: Description
    devices: list[Support]


def gather(path: Path) -> tuple[Inspection, Manifest | None]:
    """Look into a bundle or an ONNX file; BundleError where it is damaged."""
    from edgekit.commands.support import try_devices
    from edgekit.errors import BundleError
    from edgekit.graph.inspection import inspect

    card: Manifest | None = None
    if path.is_dir():
        card = Manifest.read(path)
        path = path / card.model
        if not path.is_file():
            raise BundleError(f'"{path}" is missing', "copy the bundle again from where it was made")
    graph = inspect(path)
    listed = dict.fromkeys([path.name, *(name for name, size in graph.external.items() if size is not None)])
    if card:
        listed |= dict.fromkeys(card.files)
    files = [file for name in listed if (file := _file(path.parent, name, card))]
    intact = all(file.intact for file in files) and len(files) == len(listed) if card else None
    said = card.to_dict() if card else None
    return Inspection(SCHEMA, str(path), said, intact, files, graph, try_devices(path, graph.bytes)), card


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the document."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Inspection).json_schema()
    schema["properties"]["schema"]["const"] = SCHEMA
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _file(folder: Path, name: str, card: Manifest | None) -> File | None:
    from edgekit import files

    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_file():
        return None
    digest, size = files.sha256(path), path.stat().st_size
    return File(name, size, digest, {"sha256": digest, "bytes": size} == card.files.get(name) if card else None)
