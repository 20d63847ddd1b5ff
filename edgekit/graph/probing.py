"""The values inside a graph: any tensor of an ONNX model, as the graph is written. Imports onnx and onnxruntime.

A tensor is asked for by cutting the graph down to what it depends on, so that a big model never keeps all its values at
once. Nothing is optimised: a value that onnxruntime would fuse away is there too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from edgekit.errors import BundleError
from edgekit.graph import storage, tensors

Feeds = Mapping[str, np.ndarray]
_ERRORS_ONLY = 3


class Probe:
    """Asks one model for its tensors, all for the same `feeds`.

    `nodes`: the node that makes each tensor, in the graph's order. Tensors inside the bodies of If, Loop and Scan
    belong to their node.
    """

    def __init__(self, model: onnx.ModelProto, feeds: Feeds) -> None:
        self._model = model
        taken = {tensor.name for tensor in tensors.inputs(model)}
        self._feeds = {name: array for name, array in feeds.items() if name in taken}
        self.nodes = {name: node for node in model.graph.node for name in node.output if name}
        self.outputs = [value.name for value in model.graph.output]

    def value(self, name: str) -> np.ndarray:
        """Return one tensor. BundleError where onnxruntime cannot compute it, with its reason."""
        return np.asarray(next(self.values([name], [self._feeds]))[name])

    def values(self, names: Sequence[str], batches: Iterable[Feeds]) -> Iterator[dict[str, Any]]:
        """Yield some values at once for each of several feeds: arrays, and lists of them where they are sequences."""
        try:
            session = _opened(self._cut(names))
            left = {each.name for each in session.get_inputs()}
            for feeds in batches:
                found = session.run(list(names), {each: array for each, array in feeds.items() if each in left})
                yield dict(zip(names, found, strict=True))
        except Exception as error:  # onnxruntime's errors share no class
            reason = str(error).partition("\n")[0]
            raise BundleError(f'the tensor "{", ".join(names)}" cannot be computed: {reason}') from None

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

    def _cut(self, names: Sequence[str]) -> onnx.ModelProto:
        """Return the model with `names` for its only outputs, and only what they need."""
        whole, cut = self._model, onnx.ModelProto()
        cut.ir_version = whole.ir_version
        cut.opset_import.extend(whole.opset_import)
        cut.functions.extend(whole.functions)
        needed = set().union(*map(self.ancestors, names))
        nodes = [node for node in whole.graph.node if needed.intersection(node.output)]
        used = {*names, *(each for node in nodes for each in reads(node))}
        cut.graph.name = whole.graph.name or "probe"
        cut.graph.node.extend(nodes)
        cut.graph.input.extend(each for each in whole.graph.input if each.name in used)
        for tensor in whole.graph.initializer:
            if tensor.name in used:
                cut.graph.initializer.add().CopyFrom(tensor)  # `extend` makes bytes of each, and fails at 2 GiB
        cut.graph.sparse_initializer.extend(e for e in whole.graph.sparse_initializer if e.values.name in used)
        known = {value.name: value for value in whole.graph.output}
        cut.graph.output.extend(known.get(name) or onnx.helper.make_empty_tensor_value_info(name) for name in names)
        return cut


def _opened(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    if not storage.is_large(model):
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    with storage.as_file(model) as path:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the tensors a node reads, also those that its inner graphs take from around it."""
    yield from (name for name in node.input if name)
    for _, graph in tensors.subgraphs(node):
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        own |= {name for inner in graph.node for name in inner.output}
        yield from (name for inner in graph.node for name in reads(inner) if name not in own)
        yield from (value.name for value in graph.output if value.name not in own)
