"""The shape of every tensor of a foreign graph, as far as it can be told. Imports onnx only."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
import onnx.inliner
import onnx.shape_inference

from edgekit.graph import tensors, twins

_SMALL = 64  # elements: what a shape or a list of axes may have


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model` with the functions it defines put in where they are called; as it is where that fails."""
    if not model.functions:
        return model
    try:
        return onnx.inliner.inline_local_functions(model)
    except (onnx.checker.ValidationError, RuntimeError, ValueError):  # such as functions that call themselves
        return model


def inferred(model: onnx.ModelProto, folder: Path | None = None) -> onnx.ModelProto:
    """Return a copy with a shape for every tensor that has one, every dynamic dimension taken as 1.

    Its graphs have the same nodes in the same order; some are other operators (`twins`). `folder`: where weights lie
    that are in files of their own. InferenceError, RuntimeError and ValueError where the graph contradicts itself.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if math.prod(tensor.dims) > _SMALL:
            tensor.ClearField("raw_data")  # the shape is all that is asked of it, and onnx would copy it twice
        elif folder is not None and tensor.data_location == onnx.TensorProto.EXTERNAL:
            _fetch(tensor, folder)
    given = {tensor.name for tensor in copy.graph.initializer}
    dynamic = set()
    for value in copy.graph.input:
        for dim in value.type.tensor_type.shape.dim if value.name not in given else ():
            if dim.dim_value <= 0:
                dynamic.add(dim.dim_param)
                dim.dim_value = 1
    twins.substitute(copy)
    graphs = list(tensors.graphs(copy.graph))
    _mend_domains(copy, graphs)
    # What the file says of later tensors may be stale or wrong: it is needed only behind operators unknown to onnx.
    foreign = any(tensors.domain_of(node) != tensors.STANDARD for graph in graphs for node in graph.node)
    for graph in graphs:
        for value in graph.output:
            value.type.tensor_type.ClearField("shape")
            value.type.tensor_type.elem_type = onnx.TensorProto.UNDEFINED  # a twin's is another
        if not foreign:
            graph.ClearField("value_info")
        for value in graph.value_info:
            for dim in value.type.tensor_type.shape.dim:
                if dim.dim_param and dim.dim_param in dynamic:
                    dim.dim_value = 1
                elif dim.dim_value <= 0:
                    dim.Clear()
    return onnx.shape_inference.infer_shapes(copy, data_prop=True)


def _mend_domains(model: onnx.ModelProto, graphs: list[onnx.GraphProto]) -> None:
    """Call the standard domain "" everywhere, and give a version to domains the file forgot: onnx insists on both."""
    for entry in (*model.opset_import, *(node for graph in graphs for node in graph.node)):
        if entry.domain == tensors.STANDARD:
            entry.domain = ""
    used = {node.domain for graph in graphs for node in graph.node}
    for domain in sorted(used - {entry.domain for entry in model.opset_import}):
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))


def _fetch(tensor: onnx.TensorProto, folder: Path) -> None:
    """Read a small tensor from its other file: of shapes and axes, inference needs the values."""
    try:
        onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
    except (OSError, ValueError, onnx.checker.ValidationError):
        return  # it is told that the file is missing
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]
