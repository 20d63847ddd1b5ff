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
STANDARD = "ai.onnx"
STANDARD_NAMES = ("", STANDARD)  # both mean the same
MICROSOFT = "com.microsoft"
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


def dynamic(told: Iterable[Tensor]) -> dict[str, list[str]]:
    """List the dynamic dimensions, and where each stands: {"N": ["image[0]", "probabilities[0]"]}."""
    found: dict[str, list[str]] = {}
    for tensor in told:
        for axis, dim in enumerate(tensor.shape):
            if isinstance(dim, str) and dim != "...":
                found.setdefault(dim, []).append(f"{tensor.name}[{axis}]")
    return found


def _signature(value: onnx.ValueInfoProto) -> Tensor:
    """Read one input or output: "?" is a dynamic dimension without a name, "..." a shape that is not told."""
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return Tensor(value.name, _kind(value.type), ("...",))
    tensor = value.type.tensor_type
    dtype = dtype_name(tensor.elem_type)
    if not tensor.HasField("shape"):
        return Tensor(value.name, dtype, ("...",))
    return Tensor(value.name, dtype, tuple(_dimension(dim) for dim in tensor.shape.dim))


def _kind(told: onnx.TypeProto) -> str:
    """Write a type that is no tensor: "sequence(float32)", "optional(sequence(int64))"."""
    kind = told.WhichOneof("value") or "unknown"
    if kind == "tensor_type":
        return dtype_name(told.tensor_type.elem_type)
    inner = getattr(told, kind).elem_type if kind in ("sequence_type", "optional_type") else None
    return kind.removesuffix("_type") + (f"({_kind(inner)})" if inner is not None else "")


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


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph, and all graphs inside its nodes."""
    yield graph
    for node in graph.node:
        for _, inner in subgraphs(node):
            yield from graphs(inner)


def external(model: onnx.ModelProto) -> list[str]:
    """List the files of their own that weights lie in, in the order of their names."""
    found: set[str] = set()
    for graph in graphs(model.graph):
        told = [
            *graph.initializer,
            *(part for each in graph.sparse_initializer for part in (each.values, each.indices)),
        ]
        told += (each.t for node in graph.node for each in node.attribute if each.HasField("t"))
        found |= {entry.value for tensor in told for entry in tensor.external_data if entry.key == "location"}
    return sorted(found)


def domain_of(node: onnx.NodeProto) -> str:
    """Return the domain of a node's operator: "ai.onnx" however that is written."""
    return STANDARD if node.domain in STANDARD_NAMES else node.domain


def operator(node: onnx.NodeProto) -> str:
    """Write a node's operator as placements do: "Conv", "com.microsoft:FusedConv"."""
    domain = domain_of(node)
    return node.op_type if domain == STANDARD else f"{domain}:{node.op_type}"


def name_nodes(nodes: Iterable[onnx.NodeProto]) -> None:
    """Give every nameless node the name `operator_index`, in place: layers are shown, and left out, by name."""
    for index, node in enumerate(nodes):
        node.name = node.name or f"{node.op_type}_{index}"
