"""What goes in and out of a graph, and the constants inside it, whatever exporter wrote it. Imports onnx only.

A constant is an initializer, or the output of a Constant node: exporters use either.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import onnx
from onnx import TensorProto

from edgekit.signature import Tensor

Shape = tuple[int, ...]
_NUMPY_NAME = {"float": "float32", "double": "float64"}


class Constant(NamedTuple):
    """A constant of the graph; `dtype` is numpy's name for it."""

    name: str
    dtype: str
    shape: Shape

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of the elements as they are stored; 0 for strings."""
        width = re.search(r"\d+", self.dtype)
        bits = int(width.group()) if width else 8 * (self.dtype == "bool")
        return (self.size * bits + 7) // 8


def dtype_name(code: int) -> str:
    """Give numpy's name for an ONNX element type; "undefined" for a code this onnx does not know."""
    try:
        name = str(TensorProto.DataType.Name(code)).lower()
    except ValueError:
        return "undefined"
    return _NUMPY_NAME.get(name, name)


def inputs(model: onnx.ModelProto) -> list[Tensor]:
    """List what a caller feeds: old files name every initializer as an input too, and those are left out."""
    given = {tensor.name for tensor in model.graph.initializer}
    given |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    return [_signature(value) for value in model.graph.input if value.name not in given]


def outputs(model: onnx.ModelProto) -> list[Tensor]:
    """List what the model answers."""
    return [_signature(value) for value in model.graph.output]


def _signature(value: onnx.ValueInfoProto) -> Tensor:
    """Read one input or output: "?" is a dynamic dimension without a name, "..." a shape that is not told."""
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return Tensor(value.name, (kind or "unknown").removesuffix("_type"), ("...",))
    tensor = value.type.tensor_type
    dtype = dtype_name(tensor.elem_type)
    if not tensor.HasField("shape"):
        return Tensor(value.name, dtype, ("...",))
    return Tensor(value.name, dtype, tuple(_dimension(dim) for dim in tensor.shape.dim))


def _dimension(dim: onnx.TensorShapeProto.Dimension) -> int | str:
    # Zero and below are how older exporters wrote "any".
    return dim.dim_value if dim.dim_value > 0 else dim.dim_param or "?"


def constants(graph: onnx.GraphProto) -> Iterator[Constant]:
    """Yield the constants of one graph, those of its subgraphs excepted."""
    for tensor in graph.initializer:
        yield _constant(tensor.name, tensor)
    for sparse in graph.sparse_initializer:
        yield Constant(sparse.values.name, dtype_name(sparse.values.data_type), tuple(sparse.dims))
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                yield from _from_attribute(node.output[0], attribute)


def _constant(name: str, tensor: TensorProto) -> Constant:
    return Constant(name, dtype_name(tensor.data_type), tuple(tensor.dims))


def _from_attribute(name: str, attribute: onnx.AttributeProto) -> Iterator[Constant]:
    if attribute.name == "value":
        yield _constant(name, attribute.t)
    elif attribute.name == "sparse_value":
        sparse = attribute.sparse_tensor
        yield Constant(name, dtype_name(sparse.values.data_type), tuple(sparse.dims))
    elif attribute.name in ("value_float", "value_int"):
        yield Constant(name, "float32" if attribute.name == "value_float" else "int64", ())
    elif attribute.name == "value_floats":
        yield Constant(name, "float32", (len(attribute.floats),))
    elif attribute.name == "value_ints":
        yield Constant(name, "int64", (len(attribute.ints),))


def subgraphs(node: onnx.NodeProto) -> Iterator[tuple[str, onnx.GraphProto]]:
    """Yield the graphs inside a node (the branches of If, the body of Loop and Scan) with their attribute's name."""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.name, attribute.g
        for index, graph in enumerate(attribute.graphs):
            yield f"{attribute.name}_{index}", graph


def name_nodes(nodes: Iterable[onnx.NodeProto]) -> None:
    """Give every nameless node the name `operator_index`, in place: layers are shown, and left out, by name."""
    for index, node in enumerate(nodes):
        node.name = node.name or f"{node.op_type}_{index}"
