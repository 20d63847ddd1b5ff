"""The values inside a graph: any tensor of an ONNX model, as the graph is written. Imports onnx and onnxruntime.

A tensor is asked for by cutting the graph down to what it depends on, so that a big model never keeps all its values at
once. Nothing is optimised: a value that onnxruntime would fuse away is there too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
import onnxruntime as ort

from edgekit.errors import BundleError
from edgekit.graph import tensors

_ERRORS_ONLY = 3


class Probe:
    """Asks one model for its tensors, all for the same `feeds`.

    `nodes`: the node that makes each tensor, in the graph's order. Tensors inside the bodies of If, Loop and Scan
    belong to their node.
    """

    def __init__(self, model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> None:
        self._model = model
        taken = {tensor.name for tensor in tensors.inputs(model)}
        self._feeds = {name: array for name, array in feeds.items() if name in taken}
        self.nodes = {name: node for node in model.graph.node for name in node.output if name}
        self.outputs = [value.name for value in model.graph.output]

    def value(self, name: str) -> np.ndarray:
        """Return one tensor. BundleError where onnxruntime cannot compute it, with its reason."""
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = _ERRORS_ONLY
        try:
            content = self._cut(name).SerializeToString()
            session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            left = {each.name for each in session.get_inputs()}
            feeds = {each: array for each, array in self._feeds.items() if each in left}
            return np.asarray(session.run([name], feeds)[0])
        except Exception as error:  # onnxruntime's errors share no class, and protobuf has its own for 2 GB
            raise BundleError(f'the tensor "{name}" cannot be computed: {str(error).partition(chr(10))[0]}') from None

    def ancestors(self, name: str) -> set[str]:
        """Return the tensors that one depends on, itself among them, those fed and constant left out."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            each = waiting.pop()
            if each in found or each not in self.nodes:
                continue
            found.add(each)
            waiting += reads(self.nodes[each])
        return found

    def _cut(self, name: str) -> onnx.ModelProto:
        """Return the model with `name` for its only output, and only what it needs."""
        whole, cut = self._model, onnx.ModelProto()
        cut.ir_version = whole.ir_version
        cut.opset_import.extend(whole.opset_import)
        cut.functions.extend(whole.functions)
        needed = self.ancestors(name)
        nodes = [node for node in whole.graph.node if needed.intersection(node.output)]
        used = {name, *(each for node in nodes for each in reads(node))}
        cut.graph.name = whole.graph.name or "probe"
        cut.graph.node.extend(nodes)
        cut.graph.input.extend(each for each in whole.graph.input if each.name in used)
        cut.graph.initializer.extend(each for each in whole.graph.initializer if each.name in used)
        cut.graph.sparse_initializer.extend(e for e in whole.graph.sparse_initializer if e.values.name in used)
        known = [value for value in whole.graph.output if value.name == name]
        cut.graph.output.append(known[0] if known else onnx.helper.make_empty_tensor_value_info(name))
        return cut


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the tensors a node reads, also those that its inner graphs take from around it."""
    yield from (name for name in node.input if name)
    for _, graph in tensors.subgraphs(node):
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        own |= {name for inner in graph.node for name in inner.output}
        yield from (name for inner in graph.node for name in reads(inner) if name not in own)
        yield from (value.name for value in graph.output if value.name not in own)
