"""A walk over all the graphs of a model: operators, layers, parameters, constants. Imports onnx only."""

from __future__ import annotations

from collections import Counter

import onnx

from edgekit.graph import macs, tensors
from edgekit.graph.description import Layer
from edgekit.graph.tensors import MICROSOFT, STANDARD, Constant, Shape

# A weight may pass through these on its way to the layer that uses it.
_PASSING = ("DequantizeLinear", "QuantizeLinear", "Transpose", "Reshape", "Cast", "Identity", "Squeeze", "Unsqueeze")
# Where the inputs are not all values, the positions of those that are; the rest are scales, zero points, sizes, and the
# states that recurrent layers begin with.
_VALUES = {
    "QuantizeLinear": (0,),
    "DequantizeLinear": (0,),
    "QLinearConv": (0, 3, 8),
    "QLinearMatMul": (0, 3),
    "ConvInteger": (0, 1),
    "MatMulInteger": (0, 1),
    "LSTM": (0, 1, 2, 3, 7),
    "GRU": (0, 1, 2, 3),
    "RNN": (0, 1, 2, 3),
    "Resize": (0,),
    "Upsample": (0,),
    "QGemm": (0, 3, 6),
    "QLinearAdd": (0, 3),
    "QLinearMul": (0, 3),
    "QLinearConcat": (),
    "MatMulIntegerToFloat": (0, 1, 6),
    "DynamicQuantizeMatMul": (0, 1, 4),
    "DynamicQuantizeLSTM": (0, 1, 2, 3, 7),
    "MatMulNBits": (1, 5),
    "QAttention": (1, 2),
}
# Integers these are fed are weights; elsewhere 32 and 64 bits are shapes and indices.
_INTEGER_WEIGHTS = (
    "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DequantizeLinear", "QGemm", "QAttention",
)  # fmt: skip
_NO_WEIGHTS = ("int16", "int32", "int64", "uint16", "uint32", "uint64", "bool", "string")


class _Scope:
    """The names one graph sees: its own, and its parent's. `shaped` is the same graph with the shapes inferred."""

    def __init__(self, graph: onnx.GraphProto, shaped: onnx.GraphProto, parent: _Scope | None) -> None:
        self.parent = parent
        self.constants = {constant.name: constant for constant in tensors.constants(graph)}
        self.producers = {name: node for node in graph.node for name in node.output}
        self.shapes: dict[str, Shape] = {}
        for value in (*shaped.value_info, *shaped.input, *shaped.output):
            kind = value.type.tensor_type
            if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
                self.shapes[value.name] = tuple(dim.dim_value for dim in kind.shape.dim)
        self.shapes.update((name, constant.shape) for name, constant in self.constants.items())

    def shape(self, name: str) -> Shape | None:
        found = self.shapes.get(name)
        return self.parent.shape(name) if found is None and self.parent else found

    def constant(self, name: str) -> tuple[Constant, bool] | None:
        """Find the constant behind a name, and whether a DequantizeLinear stands between."""
        dequantized, passed = False, set()
        while name not in self.constants:
            node = self.producers.get(name)
            if node is None:
                found = self.parent.constant(name) if self.parent else None
                return found and (found[0], found[1] or dequantized)
            if node.op_type not in _PASSING or not node.input or name in passed:  # a damaged graph may be a circle
                return None
            passed.add(name)
            dequantized |= node.op_type == "DequantizeLinear"
            name = node.input[0]
        return self.constants[name], dequantized


class Survey:
    """What a walk finds. `unseen` counts the operators that may make MACs nobody counted, `bodies` the inner graphs."""

    def __init__(self, model: onnx.ModelProto, shaped: onnx.ModelProto) -> None:
        self.operators: Counter[str] = Counter()
        self.layers: list[Layer] = []
        self.constants: list[Constant] = []
        self.unseen: Counter[str] = Counter()
        self.bodies: Counter[str] = Counter()
        self._counted: set[int] = set()
        self._walk(model.graph, shaped.graph, None, "")

    def _walk(self, graph: onnx.GraphProto, shaped: onnx.GraphProto, parent: _Scope | None, path: str) -> None:
        scope = _Scope(graph, shaped, parent)
        self.constants.extend(scope.constants.values())
        for index, (node, twin) in enumerate(zip(graph.node, shaped.node, strict=True)):
            name = path + (node.name or f"{node.op_type}_{index}")
            operator = tensors.operator(node)
            self.operators[operator] += 1
            if macs.uncounted(node):
                self.unseen[operator] += 1
            work, parameters = macs.count(node, scope.shape), self._parameters(node, scope)
            if work != 0 or parameters:
                shape = scope.shape(node.output[0]) if node.output else None
                answer = None if shape is None else list(shape)
                self.layers.append(Layer(name, operator, work, parameters, answer))
            inner = zip(tensors.subgraphs(node), tensors.subgraphs(twin), strict=True)
            for (attribute, body), (_, shaped_body) in inner:
                self.bodies[node.op_type] += 1
                self._walk(body, shaped_body, scope, f"{name}/{attribute}/")

    def _parameters(self, node: onnx.NodeProto, scope: _Scope) -> int:
        if node.op_type in _PASSING and node.output and scope.constant(node.output[0]):
            return 0  # it only hands a weight on; the layer that uses it counts it
        total = 0
        known = tensors.domain_of(node) in (STANDARD, MICROSOFT)
        positions = _VALUES.get(node.op_type, range(len(node.input))) if known else range(len(node.input))
        for position in positions:
            found = scope.constant(node.input[position]) if position < len(node.input) else None
            if found is None:
                continue
            constant, dequantized = found
            is_weight = constant.dtype not in _NO_WEIGHTS or dequantized or node.op_type in _INTEGER_WEIGHTS
            if is_weight and constant.size > 1 and id(constant) not in self._counted:
                self._counted.add(id(constant))  # the survey keeps every constant alive, so the id is its own
                packed = node.op_type == "MatMulNBits" and position == 1
                total += macs.attribute(node, "K") * macs.attribute(node, "N") if packed else constant.size
        return total
