"""ONNX files: read with an error that says what is wrong, written in one step. Imports onnx and the lowest floor."""

from __future__ import annotations

from pathlib import Path

import onnx

from edgekit import files
from edgekit.errors import BundleError
from edgekit.graph import tensors


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
        _check_names(model)
    except (
        Exception
    ):  # names that are no text, or protobuf's DecodeError, which lives elsewhere in each of its implementations
        model = onnx.ModelProto()
    # Some bytes that are no ONNX parse as an empty message.
    if content[4:8] == b"ORTM":
        raise BundleError(f'"{path}" is in the format of onnxruntime, not ONNX', "give the .onnx file it was made from")
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


def _check_names(model: onnx.ModelProto) -> None:
    """Raise TypeError where a name is no UTF-8, as in damaged files: protobuf then gives bytes."""
    names: list[str] = [model.producer_name, model.producer_version]
    for entry in model.metadata_props:
        names += (entry.key, entry.value)
    for imported in model.opset_import:
        names.append(imported.domain)
    for holder in (*tensors.graphs(model.graph), *model.functions):
        for node in holder.node:
            names += (node.name, node.op_type, node.domain, *node.input, *node.output)
            names += (attribute.name for attribute in node.attribute)
    for graph in tensors.graphs(model.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            names += (value.name, *(dim.dim_param for dim in value.type.tensor_type.shape.dim))
        names += (tensor.name for tensor in graph.initializer)
    "".join((*names, *tensors.external(model)))


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to `path` in one step."""
    with files.atomic(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
