"""Which float32 values of a node may be float16, by the operator's own schema and by what the values were. onnx alone.

ONNX says of every operator what types each of its inputs takes. That is asked, not a list of operators: such a list is
older than the next opset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import onnx

from edgekit.graph import tensors

LARGEST = 65504.0  # of float16
SMALLEST = 2.0**-14  # of float16 with all its bits; below it they go one by one, and are gone at 6e-8
_FLOAT16 = "tensor(float16)"
# What they answer is of a type that an attribute tells, and that `halving` changes.
TOLD = ("Cast", "ConstantOfShape")
_PART = 1 << 20  # elements that are looked at together: weights may be gigabytes
_QUANTIZING = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")


class Span(NamedTuple):
    """The largest magnitude that a tensor of float32 had, infinities left out; 0 where it had none."""

    largest: float

    def fault(self) -> str | None:
        """Say what of it float16 cannot hold."""
        if self.largest > LARGEST:
            return f"reaches {self.largest:.3g}"
        return f"stays below {self.largest:.2g}" if 0 < self.largest < SMALLEST else None


def span(arrays: Iterable[np.ndarray]) -> Span:
    """Measure what the values of a tensor were."""
    largest = 0.0
    for array in arrays:
        flat = array.reshape(-1)
        for start in range(0, flat.size, _PART):
            part = np.abs(flat[start : start + _PART])
            if not np.isfinite(part.max()):
                part = part[np.isfinite(part)]
            largest = max(largest, float(part.max(initial=0.0)))
    return Span(largest)


class Halvable(NamedTuple):
    """The places of a node's inputs that become float16, with all it answers in float32; or why none may.

    `either`: it reads one float and answers none, so that it takes what there is.
    """

    places: frozenset[int] = frozenset()
    objection: str | None = None
    either: bool = False


def halvable(node: onnx.NodeProto, opsets: Mapping[str, int], floats: Mapping[str, Span], whole: bool) -> Halvable:
    """Judge a node. `floats`: what is float32, and how large; `whole`: all else it takes and answers are tensors."""
    objection, places = _by_schema(node, opsets, floats)
    if next(tensors.subgraphs(node), None):
        objection = "it holds graphs of its own"
    elif node.op_type in _QUANTIZING:
        objection = "its scales belong to integers"
    elif not whole:
        objection = "it works on sequences"
    if objection:
        return Halvable(objection=objection)
    for name in (*(node.input[at] for at in sorted(places)), *node.output):
        if name in floats and (fault := floats[name].fault()):
            return Halvable(objection=f'"{name}" {fault}')
    return Halvable(frozenset(places), either=len(places) == 1 and not any(name in floats for name in node.output))


def _by_schema(
    node: onnx.NodeProto, opsets: Mapping[str, int], floats: Mapping[str, Span]
) -> tuple[str | None, set[int]]:
    domain = "" if node.domain in tensors.STANDARD_NAMES else node.domain
    try:
        schema = onnx.defs.get_schema(node.op_type, opsets.get(domain, 1), domain)
    except onnx.defs.SchemaError:
        return "ONNX does not know it", set()
    half = {each.type_param_str for each in schema.type_constraints if _FLOAT16 in each.allowed_type_strs}
    taken = {at: _formal(schema.inputs, at).type_str for at, name in enumerate(node.input) if name in floats}
    places = {at for at, kind in taken.items() if kind in half}
    if taken and not places:
        return "it takes float32 alone", set()
    follow = {taken[at] for at in places}
    for at, name in enumerate(node.output):
        kind = _formal(schema.outputs, at).type_str
        if name in floats and (kind not in half or (kind not in follow and node.op_type not in TOLD)):
            return "it answers float32 alone", set()
    return None, places


def _formal(said: list[onnx.defs.OpSchema.FormalParameter], at: int) -> onnx.defs.OpSchema.FormalParameter:
    return said[min(at, len(said) - 1)]  # the last one may stand for many
