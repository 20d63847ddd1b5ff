"""ONNX files: read with an error that says what is wrong, written in one step. Imports onnx and the lowest floor.

Protobuf holds no message of 2 GiB. Weights above `LIMIT` are written to a file beside the model's, and a model that
large is never made bytes of: whoever needs a file of it gets one from `as_file`.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import external_data_helper

from edgekit import files
from edgekit.errors import BundleError
from edgekit.extras import need
from edgekit.graph import tensors

LIMIT = 2_000_000_000  # bytes of weights that are written into the model's own file
SIDE = ".data"  # what is appended to its name for the file beside it
_SMALL = 1024  # bytes: a tensor below this stays in the model's file, where shapes and axes must be
_PAGE = 4096  # bytes: where a weight begins, so that a runtime can map it into memory


def load(path: Path, weights: bool = True) -> onnx.ModelProto:
    """Read an ONNX file; without `weights`, those that lie in files of their own stay there.

    Of a file in onnxruntime's own format (.ort) it is the graph that onnxruntime wrote there, optimised and fused.
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
        return _from_ort(path)
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


def _from_ort(path: Path) -> onnx.ModelProto:
    ort = need("onnxruntime", "reading a .ort file")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry("session.save_model_format", "ONNX")
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "graph.onnx"
        options.optimized_model_filepath = str(written)
        try:
            ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            model = onnx.load_model(written)
        except Exception as error:  # onnxruntime's errors share no class
            raise BundleError(f'"{path}" cannot be read: {str(error).partition(chr(10))[0]}', "copy it again") from None
    # It names every domain that this onnxruntime knows.
    used = {node.domain for graph in tensors.graphs(model.graph) for node in graph.node} | {""}
    kept = [each for each in model.opset_import if each.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def size(model: onnx.ModelProto) -> int:
    """Return the bytes of `model` in one file; of one that is too large for that, the bytes of its weights."""
    weights = _weights(model)
    return weights if weights > LIMIT else int(model.ByteSize())


def is_large(model: onnx.ModelProto) -> bool:
    """Whether the weights of `model` are too large for one file, and for bytes in memory."""
    return _weights(model) > LIMIT


def _weights(model: onnx.ModelProto) -> int:
    return sum(_bytes(tensor) for graph in tensors.graphs(model.graph) for tensor in graph.initializer)


def _bytes(tensor: onnx.TensorProto) -> int:
    """Return the bytes that a tensor holds itself, by its shape: to look at them would copy them."""
    told = tensors.Constant(tensor.name, tensors.dtype_name(tensor.data_type), tuple(tensor.dims))
    return told.nbytes if tensor.HasField("raw_data") else 0


def save(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to `path` in one step; weights above `LIMIT` go to a file beside it, NAME.onnx.data, before it."""
    side = path.with_name(path.name + SIDE)
    large = is_large(model)
    if large:
        model = _apart(model, side)
    with files.atomic(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
    if not large:
        side.unlink(missing_ok=True)


def _apart(model: onnx.ModelProto, side: Path) -> onnx.ModelProto:
    """Write the weights of `model` to `side`, and return a copy that finds them there."""
    shell = onnx.ModelProto()
    shell.CopyFrom(model)
    with files.atomic(side) as temporary, temporary.open("wb") as stream:
        for graph in tensors.graphs(shell.graph):
            for tensor in graph.initializer:
                if _bytes(tensor) < _SMALL:
                    continue
                stream.seek(-(-stream.tell() // _PAGE) * _PAGE)
                external_data_helper.set_external_data(tensor, side.name, stream.tell(), _bytes(tensor))
                stream.write(tensor.raw_data)
                tensor.ClearField("raw_data")
    return shell


@contextlib.contextmanager
def as_file(model: onnx.ModelProto) -> Iterator[Path]:
    """Yield a file of `model`, with its weights beside it where they are large; it lasts as long as the block."""
    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder) / "model.onnx")
        yield Path(folder) / "model.onnx"
