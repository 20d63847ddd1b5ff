"""Float32 inside a graph made float16, but for what float16 cannot hold. Imports onnx and what looks inside a graph.

onnxruntime's own converter was tried (1.32): it leaves the nodes in an order that ONNX forbids, breaks nodes within If
and Loop, and keeps operators in float32 by a list. Here an operator is asked what it allows, and real values are looked
at: a processor computes much of float16 in float32, so that an overflow would not show in its answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from edgekit.graph import shapes, storage, tensors
from edgekit.graph.halves import TOLD, Halvable, Span, halvable, span
from edgekit.graph.probing import Feeds, Probe, reads

_AT_ONCE = 32  # tensors that are kept in memory together


class Kept(NamedTuple):
    """A node that stays in float32, and why."""

    node: str
    operator: str
    reason: str

    def __str__(self) -> str:
        return f'{self.operator} "{self.node}": {self.reason}'


class Halved(NamedTuple):
    """A model in float16, the nodes that stay in float32, and its bytes (before, after)."""

    model: onnx.ModelProto
    kept: list[Kept]
    bytes: tuple[int, int]


def halve(model: onnx.ModelProto, batches: Sequence[Feeds], exclude: Sequence[str] = ()) -> Halved:
    """Return `model` with float16 for float32 inside; what goes in and out keeps its dtype and its name.

    A node stays in float32 where `exclude` names it, where its schema wants it so, where it holds a graph or gives a
    value to one, and where a value it takes or answers, on any of `batches`, is beyond 65504 or entirely below 6.1e-5.
    BundleError where a tensor cannot be computed.
    """
    whole = onnx.ModelProto()
    whole.CopyFrom(shapes.inlined(model))
    tensors.name_nodes(whole.graph.node)
    opsets = {"" if entry.domain == tensors.STANDARD else entry.domain: entry.version for entry in whole.opset_import}
    constants = dict(_constants(whole.graph))
    floats, odd = _measured(whole, constants, batches)
    nodes = [node for node in whole.graph.node if node.op_type != "Constant"]
    inside = {name: node for node in nodes for name in set(reads(node)) - set(node.input)}
    verdicts: dict[str, Halvable] = {}
    kept: list[Kept] = []
    for node in nodes:
        said = halvable(node, opsets, floats, odd.isdisjoint((*node.input, *node.output)))
        if node.name in exclude:
            said = Halvable(objection="was asked for in float32")
        if not said.objection and (read := next((name for name in node.output if name in inside), None)):
            said = Halvable(objection=f'{inside[read].op_type} "{inside[read].name}" reads "{read}" inside')
        verdicts[_key(node)] = said
        if said.objection and any(name in floats for name in (*reads(node), *node.output)):
            kept.append(Kept(node.name, tensors.operator(node), said.objection))
    _Rewriting(whole.graph, floats, constants, verdicts).apply()
    return Halved(whole, kept, (storage.size(model), storage.size(whole)))


def _key(node: onnx.NodeProto) -> str:
    return str(next(filter(None, node.output)))  # which no other node has


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the float32 constants of a graph that no caller may replace."""
    fed = {value.name for value in graph.input}
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in fed:
            yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name in ("value", "value_float", "value_floats"):
            said = onnx.helper.get_attribute_value(node.attribute[0])
            array = numpy_helper.to_array(said) if isinstance(said, TensorProto) else np.asarray(said, np.float32)
            if array.dtype == np.float32:
                yield node.output[0], array


def _measured(
    model: onnx.ModelProto, constants: dict[str, np.ndarray], batches: Sequence[Feeds]
) -> tuple[dict[str, Span], set[str]]:
    """Return how large each float32 tensor gets, and which values are no tensors."""
    floats = {name: span([array]) for name, array in constants.items()}
    for value in model.graph.input:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            floats[value.name] = span(np.asarray(feeds[value.name]) for feeds in batches if value.name in feeds)
    for tensor in model.graph.initializer:
        if tensor.name in floats and tensor.name not in constants:  # a caller may replace it
            floats[tensor.name] = span([numpy_helper.to_array(tensor)])
    probe = Probe(model, {})
    made = [name for name, node in probe.nodes.items() if node.op_type != "Constant"]
    odd: set[str] = set()
    for start in range(0, len(made), _AT_ONCE):
        for values in probe.values(made[start : start + _AT_ONCE], batches):
            for name, value in values.items():
                if not isinstance(value, np.ndarray):
                    odd.add(name)
                elif value.dtype == np.float32:
                    floats[name] = max(floats.get(name, Span(0.0)), span([value]))
    return floats, odd


class _Rewriting:
    """Changes a graph in place: dtypes of constants and attributes, and a Cast wherever the two precisions meet."""

    def __init__(
        self,
        graph: onnx.GraphProto,
        floats: dict[str, Span],
        constants: dict[str, np.ndarray],
        verdicts: dict[str, Halvable],
    ) -> None:
        self.graph, self.floats, self.constants = graph, floats, constants
        self.halved = {key: verdict for key, verdict in verdicts.items() if not verdict.objection}
        self.half = {n for node in graph.node if _key(node) in self.halved for n in node.output if n in floats}
        self.half |= self._constants_of_half()
        self.answers = {value.name for value in graph.output}
        self.names = {name for node in graph.node for name in (*node.output, *reads(node))}
        self.casts: dict[tuple[str, int], str] = {}

    def apply(self) -> None:
        nodes = list(self.graph.node)
        for tensor in self.graph.initializer:
            if tensor.name in self.half:
                tensor.CopyFrom(self._constant(tensor.name))
        written: list[onnx.NodeProto] = []
        for node in nodes:
            verdict = self.halved.get(_key(node), Halvable())
            if node.op_type == "Constant" and node.output[0] in self.half:
                del node.attribute[:]
                node.attribute.append(onnx.helper.make_attribute("value", self._constant(node.output[0])))
            elif node.op_type in TOLD and node.output[0] in self.half:
                _retype(node)
            for at, name in enumerate(node.input):
                if name in self.floats and not verdict.either:
                    node.input[at] = self._read(name, at in verdict.places, written)
            written.append(node)
            for at, name in enumerate(node.output):
                if name in self.answers and name in self.half:
                    node.output[at] = self._new(f"{name}_float16")
                    self.casts[name, TensorProto.FLOAT16] = node.output[at]
                    written.append(_cast(node.output[at], name, TensorProto.FLOAT, f"{node.name}/{name}/to_float32"))
                    self.casts[name, TensorProto.FLOAT] = name
        del self.graph.node[:]
        self.graph.node.extend(written)
        del self.graph.value_info[:]  # they tell the types as they were

    def _constants_of_half(self) -> set[str]:
        """Choose the constants that all who read them want in half: of a shared one, half and whole would be more."""
        whole = {value.name for value in self.graph.output}
        wanted: set[str] = set()
        for node in self.graph.node:
            places = self.halved.get(_key(node), Halvable()).places
            wanted |= {node.input[at] for at in places}
            whole |= {name for at, name in enumerate(node.input) if at not in places}
            whole |= set(reads(node)) - set(node.input)
        return (wanted - whole) & set(self.constants)

    def _constant(self, name: str) -> TensorProto:
        return numpy_helper.from_array(self.constants[name].astype(np.float16), name)

    def _read(self, name: str, half: bool, written: list[onnx.NodeProto]) -> str:
        """Return the name under which a float is read in the precision that is wanted."""
        to = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        if (name, to) in self.casts:
            return self.casts[name, to]
        if (name in self.half) == half:
            return name
        made = self._new(f"{name}_{'float16' if half else 'float32'}")
        written.append(_cast(name, made, to, made))
        self.casts[name, to] = made
        return made

    def _new(self, name: str) -> str:
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name


def _cast(name: str, made: str, to: int, called: str) -> onnx.NodeProto:
    return onnx.helper.make_node("Cast", [name], [made], called, to=to)


def _retype(node: onnx.NodeProto) -> None:
    """Have a Cast or a ConstantOfShape answer float16."""
    value: Any = TensorProto.FLOAT16
    if node.op_type == "ConstantOfShape":
        said = [numpy_helper.to_array(each.t) for each in node.attribute if each.name == "value"]
        value = numpy_helper.from_array((said or [np.zeros(1)])[0].astype(np.float16))
    del node.attribute[:]
    node.attribute.append(onnx.helper.make_attribute("to" if node.op_type == "Cast" else "value", value))
