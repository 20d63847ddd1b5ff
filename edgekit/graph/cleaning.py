"""What ships carries no trace of its maker's machine. Imports onnx alone.

PyTorch's exporter writes into every node the file, the line and the source text that it came from. That is useful
while one looks for a fault, and nobody else's business afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from edgekit.errors import BundleError
from edgekit.graph import storage

_TRACES = ("doc_string", "metadata_props")
_SOURCE_LINE = re.compile(r'File "|\.py\b')


def strip(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy without doc strings and without the metadata of graphs, nodes, values, tensors and functions.

    The model's own metadata stays, but for entries that hold a source line or the maker's home folder.
    """
    clean = onnx.ModelProto()
    clean.CopyFrom(model)
    home = str(Path.home())
    kept = {
        entry.key: entry.value
        for entry in model.metadata_props
        if not _SOURCE_LINE.search(entry.value) and (len(home) < 2 or home not in entry.value)
    }
    _clear(clean)
    set_metadata(clean, kept)
    return clean


def _clear(message: Any) -> None:
    for field, value in message.ListFields():
        if field.name in _TRACES:
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                _clear(part)


def set_metadata(model: onnx.ModelProto, entries: Mapping[str, str]) -> None:
    """Write `entries` into the model's metadata, in place; other keys stay as they are."""
    onnx.helper.set_model_props(model, {entry.key: entry.value for entry in model.metadata_props} | dict(entries))


def check(model: onnx.ModelProto) -> None:
    """Raise BundleError where `model` breaks ONNX's rules: structure, types, and shapes by strict inference.

    Meant for what edgekit writes: it is stricter than the runtimes, which accept much that old exporters wrote.
    """
    try:
        if storage.is_large(model):
            with storage.as_file(model) as path:
                onnx.checker.check_model(path, full_check=True)
        else:
            onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise BundleError(f"the ONNX graph is not valid: {str(error).strip().splitlines()[0]}") from None
