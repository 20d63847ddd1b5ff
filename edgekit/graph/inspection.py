"""What is in an ONNX file, whoever made it: signature, operators, parameters, MACs by layer. Imports onnx only."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import onnx.inliner
import onnx.shape_inference

from edgekit.graph import macs, storage, tensors
from edgekit.graph.tensors import Constant, Shape

LARGEST = 5
_FLOATS = (
    "float16",
    "float32",
    "float64",
    "bfloat16",
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
)
# A weight may pass through these on its way to the layer that uses it.
_PASSING = ("DequantizeLinear", "QuantizeLinear", "Transpose", "Reshape", "Cast", "Identity", "Squeeze", "Unsqueeze")
# Where the inputs are not all values, the positions of those that are; the rest are scales, zero points and sizes.
_VALUES = {
    "QuantizeLinear": (0,),
    "DequantizeLinear": (0,),
    "QLinearConv": (0, 3, 8),
    "QLinearMatMul": (0, 3),
    "ConvInteger": (0, 1),
    "MatMulInteger": (0, 1),
    "Resize": (0,),
    "Upsample": (0,),
}
_INTEGER_WEIGHTS = ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DequantizeLinear")


def inspect(model: Path | onnx.ModelProto) -> dict[str, Any]:
    """Describe a model as JSON-ready values, with every dynamic dimension taken as 1 (so: at batch 1).

    `parameters` counts the elements of every constant that is used as a value: floating-point constants, and integers
    that are weights (behind a DequantizeLinear, or fed to an integer operator). Not counted: single numbers, scales
    and zero points, shapes and indices. A weight that is used twice counts once, in the first layer that uses it.
    `macs` is None, with a note, where shape inference cannot tell a shape it takes. The bodies of If, Loop and Scan
    are counted once each. `bytes` includes weights in files of their own. `layers` lists, in order, the nodes that
    have parameters or MACs; `largest` the largest constants.

    Raises BundleError where the file is no ONNX.
    """
    read = storage.load(model, weights=False) if isinstance(model, Path) else model
    size = read.ByteSize()
    if isinstance(model, Path):
        size = model.stat().st_size + _beside(read, model.parent)
    survey = _Survey()
    try:
        survey.walk(_shaped(read).graph, None, "")
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        survey = _Survey()
        survey.notes.append(f"shape inference failed: {str(error).strip().splitlines()[0]}")
        survey.walk(_inlined(read).graph, None, "")
    domains = {entry.domain: entry.version for entry in read.opset_import}
    return {
        "inputs": [str(tensor) for tensor in tensors.inputs(read)],
        "outputs": [str(tensor) for tensor in tensors.outputs(read)],
        "opset": domains.get("", domains.get("ai.onnx")),
        "ir": read.ir_version,
        "producer": f"{read.producer_name} {read.producer_version}".strip(),
        **survey.result(),
        "bytes": size,
        "metadata": {entry.key: entry.value for entry in read.metadata_props},
    }


class _Scope:
    """The names one graph sees: its own, and its parent's."""

    def __init__(self, graph: onnx.GraphProto, parent: _Scope | None) -> None:
        self.parent = parent
        self.constants = {constant.name: constant for constant in tensors.constants(graph)}
        self.producers = {name: node for node in graph.node for name in node.output}
        self.shapes: dict[str, Shape] = {}
        for value in (*graph.value_info, *graph.input, *graph.output):
            kind = value.type.tensor_type
            if kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim):
                self.shapes[value.name] = tuple(dim.dim_value for dim in kind.shape.dim)
        self.shapes.update((name, constant.shape) for name, constant in self.constants.items())

    def shape(self, name: str) -> Shape | None:
        found = self.shapes.get(name)
        return self.parent.shape(name) if found is None and self.parent else found

    def constant(self, name: str, dequantized: bool = False) -> tuple[Constant, bool] | None:
        """Find the constant behind a name, and whether a DequantizeLinear stands between."""
        if name in self.constants:
            return self.constants[name], dequantized
        node = self.producers.get(name)
        if node is None:
            return self.parent.constant(name, dequantized) if self.parent else None
        if node.op_type not in _PASSING or not node.input:
            return None
        return self.constant(node.input[0], dequantized or node.op_type == "DequantizeLinear")


class _Survey:
    """What a walk over all the graphs of a model finds."""

    def __init__(self) -> None:
        self.operators: Counter[str] = Counter()
        self.layers: list[dict[str, Any]] = []
        self.constants: list[Constant] = []
        self.notes: list[str] = []
        self._counted: set[int] = set()
        self._unseen: Counter[str] = Counter()
        self._bodies: Counter[str] = Counter()

    def walk(self, graph: onnx.GraphProto, parent: _Scope | None, path: str) -> None:
        scope = _Scope(graph, parent)
        self.constants.extend(scope.constants.values())
        for index, node in enumerate(graph.node):
            name = path + (node.name or f"{node.op_type}_{index}")
            self.operators[node.op_type] += 1
            if macs.uncounted(node):
                self._unseen[node.op_type] += 1
            work, parameters = macs.count(node, scope.shape), self._parameters(node, scope)
            if work != 0 or parameters:
                shape = scope.shape(node.output[0]) if node.output else None
                self.layers.append(
                    {
                        "name": name,
                        "operator": node.op_type,
                        "macs": work,
                        "parameters": parameters,
                        "output_shape": None if shape is None else list(shape),
                    }
                )
            for attribute, body in tensors.subgraphs(node):
                self._bodies[node.op_type] += 1
                self.walk(body, scope, f"{name}/{attribute}/")

    def _parameters(self, node: onnx.NodeProto, scope: _Scope) -> int:
        if node.op_type in _PASSING and node.output and scope.constant(node.output[0]):
            return 0  # it only hands a weight on; the layer that uses it counts it
        total = 0
        positions = _VALUES.get(node.op_type, range(len(node.input)))
        for position in positions:
            found = scope.constant(node.input[position]) if position < len(node.input) else None
            if found is None:
                continue
            constant, dequantized = found
            is_weight = constant.dtype in _FLOATS or dequantized or node.op_type in _INTEGER_WEIGHTS
            if is_weight and constant.size > 1 and id(constant) not in self._counted:
                self._counted.add(id(constant))  # the survey keeps every constant alive, so the id is its own
                total += constant.size
        return total

    def result(self) -> dict[str, Any]:
        unknown = [layer for layer in self.layers if layer["macs"] is None]
        notes = list(self.notes)
        if unknown:
            more = f" and at {len(unknown) - 1} more" if len(unknown) > 1 else ""
            notes.append(f'MACs unknown: no shape at "{unknown[0]["name"]}"{more}')
        if self._unseen:
            notes.append(f"not in the MACs: {_listed(self._unseen)}")
        if self._bodies:
            notes.append(f"the graphs inside {', '.join(sorted(self._bodies))} are counted once each")
        largest = sorted(self.constants, key=lambda constant: -constant.nbytes)[:LARGEST]
        return {
            "nodes": self.operators.total(),
            "operators": dict(self.operators.most_common()),
            "parameters": sum(layer["parameters"] for layer in self.layers),
            "macs": None if unknown else sum(layer["macs"] for layer in self.layers),
            "layers": self.layers,
            "largest": [
                {"name": one.name, "dtype": one.dtype, "shape": list(one.shape), "bytes": one.nbytes}
                for one in largest
                if one.nbytes
            ],
            "notes": notes,
        }


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def _shaped(model: onnx.ModelProto) -> onnx.ModelProto:
    """Infer every shape with the dynamic dimensions of the inputs set to 1."""
    copy = onnx.ModelProto()
    copy.CopyFrom(_inlined(model))
    given = {tensor.name for tensor in copy.graph.initializer}
    ones = set()
    for value in copy.graph.input:
        for dim in value.type.tensor_type.shape.dim if value.name not in given else ():
            if dim.dim_value <= 0:
                ones.add(dim.dim_param)
                dim.dim_value = 1
    # What the file says of later tensors may be stale or wrong: it is needed only behind operators unknown to onnx.
    for value in copy.graph.output:
        value.type.tensor_type.ClearField("shape")
    if all(node.domain in macs.STANDARD_DOMAINS for node in copy.graph.node):
        copy.graph.ClearField("value_info")
    for value in copy.graph.value_info:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param and dim.dim_param in ones:
                dim.dim_value = 1
            elif dim.dim_value <= 0:
                dim.Clear()
    return onnx.shape_inference.infer_shapes(copy, data_prop=True)


def _beside(model: onnx.ModelProto, folder: Path) -> int:
    """Return the bytes of the files that hold weights of the model."""
    names = {
        entry.value for tensor in model.graph.initializer for entry in tensor.external_data if entry.key == "location"
    }
    return sum((folder / name).stat().st_size for name in names if (folder / name).is_file())
