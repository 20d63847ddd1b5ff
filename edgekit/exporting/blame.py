"""The node where one graph begins to answer otherwise, told in words: operator, place, and the two values. No torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
import onnx

from edgekit.errors import BundleError
from edgekit.exporting.agreement import Tolerance, number, outside, tolerance
from edgekit.graph.bisection import first_wrong
from edgekit.graph.probing import Probe

Expected = Callable[[str], np.ndarray]
OPTIMIZED = "the graph as it is written agrees: it is onnxruntime's optimisation of it that differs"


def differs(actual: np.ndarray, expected: np.ndarray, allowed: Tolerance | None) -> bool:
    """Say whether two tensors are of different shapes, or apart by more than is allowed."""
    if actual.shape != expected.shape:
        return True
    return outside(actual, expected, allowed or tolerance(actual, expected)) is not None


def wrong_output(probe: Probe, expected: Mapping[str, np.ndarray], allowed: Tolerance | None) -> str | None:
    """Return the first output of the graph, run as it is written, that differs from what is expected."""
    return next((name for name in probe.outputs if differs(probe.value(name), expected[name], allowed)), None)


def begins(
    probe: Probe,
    known: Collection[str],
    expected: Expected,
    wrong: str,
    *,
    who: str,
    place: Callable[[onnx.NodeProto], str] = lambda node: "",
    allowed: Tolerance | None = None,
) -> str:
    """Find the first node whose output differs, before the output `wrong`, and say so.

    `expected(name)` gives what `who` has for a tensor of `known`; `place(node)` says where a node is from.
    """
    actual: dict[str, np.ndarray] = {}

    def right(name: str) -> bool:
        actual[name] = probe.value(name)
        return not differs(actual[name], expected(name), allowed)

    found = first_wrong(probe, known, right, wrong)
    ours, theirs = actual[found] if found in actual else probe.value(found), expected(found)
    node = probe.nodes[found]
    named = f' "{node.name}"' if node.name else ""
    said = f'it begins at {node.op_type}{named}{place(node)}: "{found}"'
    return said + apart(ours, theirs, who, allowed) + _between(probe, known, found)


def apart(ours: np.ndarray, theirs: np.ndarray, who: str, allowed: Tolerance | None) -> str:
    """Say of two tensors that differ in what: their shapes, or the two values that are furthest apart, and where."""
    if ours.shape != theirs.shape:
        return f" is {list(ours.shape)}; {who} gives {list(theirs.shape)}"
    at = outside(ours, theirs, allowed or tolerance(ours, theirs))
    assert at is not None
    return f"{list(at)} is {number(ours[at])}; {who} gives {number(theirs[at])}"


def _between(probe: Probe, known: Collection[str], found: str) -> str:
    """Say how many nodes before the found one could not be compared, and may be the cause too."""
    compared = {name for name in probe.ancestors(found) if name in known and name != found}
    settled = set().union(*(probe.ancestors(name) for name in compared)) if compared else set()
    open_still = probe.ancestors(found) - settled - {found}
    unknown = sum(probe.nodes[name].op_type != "Constant" for name in open_still)
    if not unknown:
        return ""
    return f" (or at {f'one of the {unknown} nodes' if unknown > 1 else 'the node'} before it that cannot be compared)"


def between_graphs(
    first: onnx.ModelProto,
    second: onnx.ModelProto,
    feeds: Mapping[str, np.ndarray],
    *,
    who: str,
    allowed: Tolerance | None = None,
) -> str:
    """Say where `second` begins to differ from `first`, by tensors of the same name and operator.

    Both take `feeds` and have the same outputs.
    """
    theirs, ours = Probe(first, feeds), Probe(second, feeds)
    try:
        expected = {name: theirs.value(name) for name in theirs.outputs}
        wrong = wrong_output(ours, expected, allowed)
        if wrong is None:
            return OPTIMIZED
        known = {
            name for name, node in ours.nodes.items()
            if name in theirs.nodes and theirs.nodes[name].op_type == node.op_type
        }  # fmt: skip
        if not known - set(ours.outputs):
            return "where it begins cannot be told: the two graphs have no inner tensor's name in common"
        known.add(wrong)
        return begins(ours, known, theirs.value, wrong, who=who, allowed=allowed)
    except BundleError as error:
        return f"where it begins cannot be told: {error}"
