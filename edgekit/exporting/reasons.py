"""Why an exporter failed, in one line, and which module it was at: exporters write pages, and say neither first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType

import torch
from torch import nn

from edgekit.errors import EdgekitError

_NODE = re.compile(r"translating node %(\w+)")
_OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'.*")
_DECISION = re.compile(r"(Could not guard on data-dependent expression|Data-dependent branching).*")
_UNKNOWN = re.compile(r"the operator ([\w.]+), in ([^;]+)")
_OPERATOR_ALONE = re.compile(r"there is no ONNX for the operator ([\w.]+)")


def why(error: BaseException, module: nn.Module | None = None) -> str:
    """Give in one line what an exporter stumbled over, and in which part of `module`, where that can be told."""
    chain = list(_chain(error))
    place = _place(chain, module) if module is not None else None
    last = chain[-1]
    said = str(last).strip().partition("\n")[0]
    said = _DECISION.sub("Python decides by a tensor's value", said)
    said = _OPERATOR.sub(r"there is no ONNX for the operator \1", said)
    if not isinstance(last, EdgekitError):
        said = ": ".join(filter(None, (type(last).__name__, said)))
    return said + (f", in {place}" if place else "")


def way_out(failures: Sequence[str]) -> str:
    """Say what to try where every exporter failed, by what they say."""
    said = "; ".join(failures)
    if found := _UNKNOWN.search(said):
        return f"write {found[1]} in {found[2]} with other operations"
    if found := _OPERATOR_ALONE.search(said):
        return f"write {found[1]} with other operations"
    if "Python decides" in said:
        return "write that branch with torch.where, or with torch.cond"
    if "became a constant" in said:
        return (
            "a loop in Python, or adaptive pooling, is written out for one size: use operations on the whole of that"
            " dimension, or declare it as a number"
        )
    return "write that part of the model in plain operations on tensors"


def node_module(error: BaseException, program: torch.export.ExportedProgram) -> str | None:
    """Return the module of the node of `program` that could not be converted, as "body.1 (Block)"."""
    for each in _chain(error):
        if found := _NODE.search(str(each)):
            node = next((node for node in program.graph.nodes if node.name == found[1]), None)
            stack = list((node.meta.get("nn_module_stack") or {}).values()) if node is not None else []
            if stack:
                name, kind = stack[-1]
                return f"{_own(name)} ({str(kind).rpartition('.')[2]})"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, down to edgekit's own."""
    yield error
    while not isinstance(error, EdgekitError) and error.__cause__:
        error = error.__cause__
        yield error


def _own(name: str) -> str:
    """Return the name that a person knows a part by, without the deployment around the network."""
    return name.removeprefix("network").removeprefix(".") or "the module itself"


def _place(chain: list[BaseException], module: nn.Module) -> str | None:
    """Return the innermost part of `module` that was being run when the error was raised."""
    for error in reversed(chain):
        frames, trace = [], error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame)
            trace = trace.tb_next
        if found := _innermost(module, reversed(frames)):
            return found
    return None


def running(module: nn.Module, frame: FrameType | None) -> str | None:
    """Return the innermost part of `module` that is being run in `frame`, as "body.1 (Block)"."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return _innermost(module, frames)


def _innermost(module: nn.Module, frames: Iterable[FrameType]) -> str | None:
    names = {id(part): name for name, part in module.named_modules() if name}
    for frame in frames:
        part = frame.f_locals.get("self")
        if id(part) in names:
            return f"{_own(names[id(part)])} ({type(part).__name__})"
    return None
