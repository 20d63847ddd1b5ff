"""Where an exported graph begins to differ from its PyTorch module: the node, its place among the modules, the values.

What a tensor of the graph should be is known in two ways. The current exporter names tensors after the nodes of
torch.export's program, which can be run with every value kept. And either exporter says of a node which module it
came from, whose answer a hook can catch: that serves where there is no program, or where the program is wrong itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from torch import fx, nn

from edgekit.errors import BundleError
from edgekit.exporting.agreement import Tolerance
from edgekit.exporting.asking import plainly
from edgekit.exporting.blame import OPTIMIZED, apart, begins, differs, wrong_output
from edgekit.exporting.deployment import Deployed
from edgekit.exporting.structure import flatten
from edgekit.graph.probing import Probe, reads

Values = dict[str, np.ndarray]
_SCOPES = "pkg.torch.onnx.name_scopes"
_ABSORBED = (nn.Identity, nn.modules.dropout._DropoutNd, nn.modules.batchnorm._NormBase)
_REPEATED = re.compile(r"_\d+$")  # what the tracer appends to a scope that is entered again


class Origin(NamedTuple):
    """What an exporter left: the graph as it wrote it, with its metadata, and the program it was made from, if any.

    `notes`: what of the module the graph does not hold, though it answered alike, a line for each.
    """

    model: onnx.ModelProto
    program: torch.export.ExportedProgram | None = None
    notes: tuple[str, ...] = ()


def where(origin: Origin, module: nn.Module, feeds: Mapping[str, np.ndarray], allowed: Tolerance | None = None) -> str:
    """Say where the graph begins to differ from `module`, which takes `feeds` by position; or why it cannot be told."""
    probe = Probe(origin.model, feeds)
    modules = _Modules(module, feeds)
    expected = dict(zip(probe.outputs, modules.answer, strict=True))
    try:
        wrong = wrong_output(probe, expected, allowed)
        if wrong is None:
            return OPTIMIZED
        known = _of_program(origin.program, feeds, probe) if origin.program else {}
        before = ""
        if wrong not in known or differs(known[wrong], expected[wrong], allowed):
            before = "torch.export's program differs from the module already; " if wrong in known else ""
            known = modules.known(probe)
        known[wrong] = expected[wrong]
        return before + begins(
            probe, known, known.__getitem__, wrong, who="PyTorch", place=modules.place, allowed=allowed
        )
    except BundleError as error:
        return f"where it begins cannot be told: {error}"


def between_modules(
    first: nn.Module, second: nn.Module, feeds: Mapping[str, np.ndarray], who: str, allowed: Tolerance | None = None
) -> str:
    """Say at which module `second` begins to differ from `first`, by modules of the same path; `who` is the first."""
    theirs = dict(_Modules(first, feeds).done)
    for path, ours in (modules := _Modules(second, feeds)).done:
        if path in theirs and differs(ours, theirs[path], allowed):
            return f"it begins in {modules.name(path)}: {apart(ours, theirs[path], who, allowed)}"
    return "where it begins cannot be told: what the modules of one name answer is the same in both"


def _of_program(program: torch.export.ExportedProgram, feeds: Mapping[str, np.ndarray], probe: Probe) -> Values:
    """Run the exporter's program and return the values of the tensors that bear its names; {} where it cannot run."""
    graph = program.module(check_guards=False)
    kept: Values = {}

    class Keeping(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            if n.name in probe.nodes and isinstance(value, torch.Tensor):
                kept[n.name] = value.numpy(force=True).copy()
            return value

    try:
        with torch.no_grad():
            answer = Keeping(graph).run(*_tensors(feeds))
    except Exception:  # a program made for one size says so in many ways, and then the modules are asked instead
        return {}
    said = [tensor.numpy(force=True) for _, tensor in flatten(answer)]
    for name in probe.outputs:
        node = probe.nodes.get(name)  # none where an input is answered as it is
        if node is not None and node.op_type == "Identity" and node.input[0] in kept:
            kept[name] = kept[node.input[0]]  # the scores of an argmax, which the program does not answer
    return kept | dict(zip(probe.outputs, said, strict=False))


class _Modules:
    """A module's answers to `feeds`, its own and those of every module in it, in the order in which they are done."""

    def __init__(self, module: nn.Module, feeds: Mapping[str, np.ndarray]) -> None:
        self._feeds = feeds
        self._tree = dict(module.named_modules())
        done: list[tuple[str, np.ndarray]] = []
        names = {inner: path for path, inner in self._tree.items()}

        taken: list[tuple[str, np.ndarray]] = []

        def keep(inner: nn.Module, given: Any, answer: Any) -> None:
            if isinstance(answer, torch.Tensor):
                done.append((names[inner], answer.numpy(force=True).copy()))
            if len(given) == 1 and isinstance(given[0], torch.Tensor):
                taken.append((names[inner], given[0].numpy(force=True).copy()))

        hooks = [inner.register_forward_hook(keep) for path, inner in self._tree.items() if path]
        try:
            with torch.inference_mode(), plainly():
                self.answer = [tensor.numpy(force=True) for _, tensor in flatten(_told(module, _tensors(feeds)))]
        finally:
            for hook in hooks:
                hook.remove()
        self.done, self._taken = _once(done), dict(_once(taken))

    def known(self, probe: Probe) -> Values:
        """Return for the last tensor of each module what the module answered.

        One that left no node, because it does nothing or went into the layer before it (dropout, a normalisation),
        gives its answer to the tensor of the module done before it.
        """
        last: dict[str, str] = {}
        for name, node in probe.nodes.items():
            path = self.path(node)
            while path:
                last[path] = name
                path = path.rpartition(".")[0]
        known = self._inputs(probe)
        before = None
        for path, value in self.done:
            name = last.get(path, before if isinstance(self._tree[path], _ABSORBED) else None)
            if name is not None and (path in last or known[name].shape == value.shape):
                known[name] = value
            before = name if name in known else None
        return known

    def _inputs(self, probe: Probe) -> Values:
        """Return for a module that takes one tensor what it took, of the tensor that its nodes read from around them.

        So a module before it is told that answers a tuple, as a recurrent one does.
        """
        within: dict[str, set[str]] = {}
        reading: dict[str, set[str]] = {}
        for name, node in probe.nodes.items():
            path = self.path(node)
            while path:
                within.setdefault(path, set()).add(name)
                reading.setdefault(path, set()).update(each for each in reads(node) if each in probe.nodes)
                path = path.rpartition(".")[0]
        known: Values = {}
        for path, value in self._taken.items():
            outer = [each for each in reading.get(path, set()) - within.get(path, set()) if self._moves(probe, each)]
            if len(outer) == 1:
                known[outer[0]] = value
        found = next(probe.values(list(known), [self._feeds])) if known else {}  # an exporter may lay it otherwise
        return {name: value for name, value in known.items() if np.shape(found[name]) == value.shape}

    def _moves(self, probe: Probe, name: str) -> bool:
        """Whether a tensor changes with what is fed: it is no constant, nor computed from constants alone."""
        return any(each in self._feeds for node in probe.ancestors(name) for each in reads(probe.nodes[node]))

    def place(self, node: onnx.NodeProto) -> str:
        """Say which module a node is from: " in layers.0 (Linear)"."""
        path = self.path(node)
        return "" if path is None else f" in {self.name(path)}"

    def name(self, path: str) -> str:
        """Name a module for people: "layers.0 (Linear)"."""
        return f"{path or 'the module itself'} ({type(self._tree[path]).__name__})"

    def path(self, node: onnx.NodeProto) -> str | None:
        """Return the path of the module that a node is from, "" for the outermost; None where nothing tells."""
        for entry in node.metadata_props:
            if entry.key == _SCOPES:
                scopes = ast.literal_eval(entry.value)
                return next((path for path in reversed(scopes[:-1]) if path in self._tree), None)
        if not node.name.startswith("/"):
            return None
        path = ""
        for scope in node.name.split("/")[1:-1]:
            inner = self._step(path, scope) or self._step(path, _REPEATED.sub("", scope))
            if inner is None:
                break
            path = inner
        return path

    def _step(self, path: str, scope: str) -> str | None:
        """Go down by one scope of the tracer's, which writes `layers.0` within `layers`."""
        parent, _, own = path.rpartition(".")
        tried = [f"{path}.{scope}" if path else scope]
        if own and scope.startswith(f"{own}."):
            tried.insert(0, f"{parent}.{scope}" if parent else scope)
        return next((found for found in tried if found in self._tree), None)


def _once(calls: list[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Return the calls of those modules that were called once."""
    paths = [path for path, _ in calls]
    return [(path, value) for path, value in calls if paths.count(path) == 1]


def _told(module: nn.Module, tensors: Sequence[torch.Tensor]) -> Any:
    if isinstance(module, Deployed):
        return module.told([tensor for _, tensor in module.answers(*tensors)])
    return module(*tensors)


def _tensors(feeds: Mapping[str, np.ndarray]) -> list[torch.Tensor]:
    return [torch.from_numpy(np.array(array)) for array in feeds.values()]
