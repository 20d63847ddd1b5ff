"""What a model's weights are kept in: fp32, int8, int4, ... Imports onnx only."""

from __future__ import annotations

from collections import Counter

import onnx

from edgekit.graph import tensors

_NAMES = {
    "float64": "fp64", "float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8",
    "int4": "int4", "uint4": "int4", "int2": "int2", "uint2": "int2",
}  # fmt: skip
_LEAST = 0.1  # the share of the weights from which on a precision is named


def of_weights(model: onnx.ModelProto) -> str | None:
    """Name what the weights are kept in, the commonest first: "fp32", "int8", "int8+fp32"; None where there are none.

    Counted are elements; what holds less than a tenth of them, as biases do, is not named. It says nothing of what the
    products are computed in.
    """
    packed = {
        node.input[1]: attribute.i  # several to a byte
        for graph in tensors.graphs(model.graph)
        for node in graph.node
        for attribute in node.attribute
        if node.op_type == "MatMulNBits" and attribute.name == "bits"
    }
    held: Counter[str] = Counter()
    for graph in tensors.graphs(model.graph):
        for constant in tensors.constants(graph):
            bits = packed.get(constant.name)
            dtype = f"int{bits}" if bits else constant.dtype
            name = "fp8" if dtype.startswith("float8") else _NAMES.get(dtype)
            if name and constant.shape:
                held[name] += constant.size * 8 // bits if bits else constant.size
    named = [name for name, count in held.most_common() if count >= _LEAST * held.total()]
    return "+".join(named) or None
