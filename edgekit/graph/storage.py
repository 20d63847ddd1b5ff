"""ONNX files: read with an error that says what is wrong, written in one step. Imports onnx and the lowest floor."""

from __future__ import annotations

from pathlib import Path

import onnx

from edgekit import files
from edgekit.errors import BundleError


def load(path: Path, weights: bool = True) -> onnx.ModelProto:
    """Read an ONNX file; without `weights`, those that lie in files of their own stay there.

    Raises BundleError where the file is absent, is no ONNX, or its weights' files are missing.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f'"{path}" cannot be read: {error.strerror}', "give the path of an .onnx file") from None
    try:
        model = onnx.load_model_from_string(content)
    except Exception:  # protobuf's DecodeError, which lives elsewhere in each of its implementations
        model = onnx.ModelProto()
    # Some bytes that are no ONNX parse as an empty message.
    if not model.ir_version or not model.graph.output:
        raise BundleError(
            f'"{path}" is not an ONNX file, or was cut short ({len(content)} bytes)', "copy or export it again"
        )
    if weights:
        try:
            onnx.load_external_data_for_model(model, str(path.parent))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise BundleError(
                f'"{path}" keeps weights in other files, and they cannot be read: {error}', "copy them beside it"
            ) from None
    return model


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to `path` in one step."""
    with files.atomic(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
