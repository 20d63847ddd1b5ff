"""How many bytes a node moves at the least: what it reads and writes once each. Imports onnx and this room alone."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import NamedTuple

import onnx

from edgekit.graph import tensors

# What onnxruntime answers by handing its input on under another shape or name.
_HANDING_ON = (
    "Dropout", "Flatten", "Identity", "Optional", "OptionalGetElement", "Reshape", "Squeeze", "Unsqueeze",
)  # fmt: skip
# What reads no more of its first input than it answers; the others (indices, starts, axes) it reads whole.
_PICKING = ("Gather", "GatherElements", "GatherND", "Slice", "GatherBlockQuantized")
_TELLING = ("Shape", "Size")  # what reads no element
# Multiplies in 8 bits.
_INTEGER = (
    "ConvInteger", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat",
    "QAttention", "QGemm", "QLinearConv", "QLinearMatMul",
)  # fmt: skip


class Traffic(NamedTuple):
    """Bytes a node moves: of constants, which come back once in a run, and of values, which were just made."""

    weights: int
    values: int


def moved(node: onnx.NodeProto, bytes_of: Callable[[str], int | None], constants: Container[str]) -> Traffic | None:
    """Count what a node moves, every tensor once; None where the size of one is unknown.

    A node with graphs inside moves nothing itself: its inner nodes do. Scratch memory and what an operator reads
    twice are not seen, so that the time it takes to move this much is a lower bound.
    """
    if node.op_type in _HANDING_ON or any(True for _ in tensors.subgraphs(node)):
        return Traffic(0, 0)
    outputs = [name for name in node.output if name]
    inputs = [] if node.op_type in _TELLING else [name for name in node.input if name]
    sizes = {name: bytes_of(name) for name in (*inputs, *outputs)}
    known = {name: size for name, size in sizes.items() if size is not None}
    if len(known) < len(sizes):
        return None
    if node.op_type in _PICKING and inputs:
        known[inputs[0]] = min(known[inputs[0]], known[outputs[0]])
    weights = sum(size for name, size in known.items() if name in constants)
    return Traffic(weights, sum(known.values()) - weights)


def integer(node: onnx.NodeProto) -> bool:
    """Tell whether a node multiplies in 8 bits."""
    return node.op_type in _INTEGER
