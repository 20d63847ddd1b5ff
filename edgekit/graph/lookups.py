"""Which integer inputs number the rows of a table, and how many rows it has. Imports onnx only.

Whoever makes inputs up must stay within the table: one number too high and the model fails, and zeros alone always
read the same row, which is then in the nearest cache.
"""

from __future__ import annotations

import onnx

from edgekit.graph import tensors

# Operators that hand on the values of their first input, in another form.
_HAND_ON = (
    "Cast", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Identity", "Transpose", "Expand", "Tile", "Slice", "Split",
    "Gather", "GatherElements", "GatherND", "Clip", "DequantizeLinear",
)  # fmt: skip
# Where indices stand and where the table they number, by operator.
_TABLES = {
    "Gather": [(1, 0)],
    "GatherElements": [(1, 0)],
    "com.microsoft:GatherBlockQuantized": [(1, 0)],
    "com.microsoft:EmbedLayerNormalization": [(0, 2), (1, 4)],
    "com.microsoft:QEmbedLayerNormalization": [(0, 2), (1, 4)],
}


def rows(model: onnx.ModelProto) -> dict[str, int]:
    """Return the rows of the smallest table that each integer input numbers, by the input's name.

    Followed is what hands values on unchanged; an input that is computed with before it reaches a table is left out.
    """
    graph = model.graph
    shapes = {constant.name: constant.shape for constant in tensors.constants(graph)}
    first: dict[str, str] = {}  # a tensor that hands on another's values -> that other
    for node in graph.node:
        if node.op_type in _HAND_ON and node.input:
            first.update((name, node.input[0]) for name in node.output)
    wanted = {tensor.name for tensor in tensors.inputs(model) if "int" in tensor.dtype}
    found: dict[str, int] = {}
    for node in graph.node:
        for index, table in _TABLES.get(tensors.operator(node), ()):
            if len(node.input) <= max(index, table):
                continue
            name = _source(node.input[index], first, wanted)
            shape = _shape(node.input[table], first, shapes)
            axis = next((each.i for each in node.attribute if each.name in ("axis", "gather_axis")), 0)
            if name and shape and -len(shape) <= axis < len(shape):
                found[name] = min(found.get(name, shape[axis]), shape[axis])
    return {name: count for name, count in found.items() if count > 0}


def _source(name: str, first: dict[str, str], wanted: set[str]) -> str | None:
    """Follow `name` back to the input whose values it has."""
    seen = set()
    while name not in wanted and name in first and name not in seen:
        seen.add(name)
        name = first[name]
    return name if name in wanted else None


def _shape(name: str, first: dict[str, str], shapes: dict[str, tensors.Shape]) -> tensors.Shape | None:
    """Return the shape of the constant `name`, also where it is only cast or dequantized before it is read."""
    seen = set()
    while name not in shapes and name in first and name not in seen:
        seen.add(name)
        name = first[name]
    return shapes.get(name)
