"""What each node that ran had to do: its record joined with the graph that ran, as onnxruntime made it of the file.

The names in that graph are not the file's (nodes are fused, laid out anew, added), so nothing is looked up there. The
shapes are those of the run itself. Imports graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from edgekit.graph import macs, tensors, traffic
from edgekit.measuring.roofline import Work
from edgekit.measuring.traces import Event, Shaped

if TYPE_CHECKING:
    import onnx

Path = tuple[str, ...]
_ADDED = re.compile(r"(_quantized|_bias)*$")  # what others add to the name of a parameter
_PARAMETER = re.compile(r"^(?P<layer>[^:/]+)\.[A-Za-z]\w*$")  # as PyTorch names them
_KINDS = {"float": "float32", "double": "float64"}  # onnxruntime's names of them


class Task(NamedTuple):
    """What one call of a node does, None where that cannot be known; and the layer whose weights it uses."""

    work: Work | None
    layer: str | None


def tasks(events: Sequence[Event], graph: onnx.GraphProto, feeds: Mapping[str, Any]) -> dict[Path, Task]:
    """Return the task of each node that is found in the graph, by its path. `events`: those of one run on `feeds`."""
    known = {name: (str(array.dtype), tuple(array.shape)) for name, array in feeds.items()}
    found: dict[Path, Task] = {}
    _join(events, graph, (), known, set(), found)
    return found


def _join(
    events: Sequence[Event],
    graph: onnx.GraphProto,
    outer: Path,
    known: Mapping[str, Shaped],
    constants: set[str],
    found: dict[Path, Task],
) -> None:
    own = {constant.name: (constant.dtype, constant.shape) for constant in tensors.constants(graph)}
    shaped = {**known, **own}
    constants = constants | own.keys()
    pairs = _paired([event for event in events if event.path[:-1] == outer], graph)
    for event, node in pairs:
        for names, shapes in ((node.input, event.inputs), (node.output, event.outputs)):
            shaped.update(_aligned(names, shapes, shaped, constants))
    for event, node in pairs:
        found[event.path] = Task(_work(node, shaped, constants), layer(node, shaped, constants))
        for _, inner in tensors.subgraphs(node):
            _join(events, inner, event.path, shaped, constants, found)


def _aligned(
    names: Iterable[str], shapes: Sequence[Shaped], known: Mapping[str, Shaped], constants: set[str]
) -> dict[str, Shaped]:
    """Give the values of a node their shapes; constants may be missing among these, when they were laid out anew."""
    found, left = {}, list(shapes)
    for name in names:
        if not name or not left or (name in constants and known[name][1] != left[0][1]):
            continue
        shape = left.pop(0)
        if name not in constants:
            found[name] = shape
    return {} if left else found


def _paired(events: Sequence[Event], graph: onnx.GraphProto) -> list[tuple[Event, onnx.NodeProto]]:
    """Put each node's first event with it. Nodes without a name are called by operator and number: in their order."""
    first = {event.path[-1]: event for event in reversed(events)}
    named = {node.name: node for node in graph.node if node.name}
    pairs = [(event, named[name]) for name, event in first.items() if name in named]
    rest = [event for event in dict.fromkeys(events) if first[event.path[-1]] is event and event.path[-1] not in named]
    for operator in dict.fromkeys(event.operator for event in rest):
        called = [event for event in rest if event.operator == operator]
        nodes = [node for node in graph.node if not node.name and node.op_type == operator]
        if len(called) == len(nodes):
            pairs += zip(called, nodes, strict=True)
    return pairs


def layer(node: onnx.NodeProto, shaped: Mapping[str, Shaped], constants: set[str]) -> str | None:
    """Find the module that a node's weights, or else its bias, are named after: "blocks.0.conv1"."""
    names = [name for name in node.input if name in constants and shaped[name][1]]
    for name in sorted(names, key=lambda name: -len(shaped[name][1])):
        told = _PARAMETER.match(_ADDED.sub("", name))
        if told:
            return told["layer"]
    return None


def _work(node: onnx.NodeProto, shaped: Mapping[str, Shaped], constants: set[str]) -> Work | None:
    def shape(name: str) -> tuple[int, ...] | None:
        return shaped[name][1] if name in shaped else None

    def size(name: str) -> int | None:
        if name not in shaped:
            return None
        kind, dims = shaped[name]
        return tensors.Constant(name, _KINDS.get(kind, kind), dims).nbytes

    count = None if macs.uncounted(node) else macs.count(node, shape)
    moved = traffic.moved(node, size, constants)
    if count is None or moved is None:
        return None
    return Work(count, count if traffic.integer(node) else 0, moved.weights, moved.values)
