"""Why an exporter failed, in one line, and which module it was at: exporters write pages, and say neither first."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch
from torch import nn

from edgekit.errors import EdgekitError

_NODE = re.compile(r"translating node %(\w+)")
_OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'.*")


def why(error: BaseException, module: nn.Module | None = None) -> str:
    """Give in one line what an exporter stumbled over, and in which part of `module`, where that can be told."""
    chain = list(_chain(error))
    place = _place(chain, module) if module is not None else None
    last = chain[-1]
    said = str(last).strip().partition("\n")[0]
    said = _OPERATOR.sub(r"there is no ONNX for the operator \1", said)
    if not isinstance(last, EdgekitError):
        said = ": ".join(filter(None, (type(last).__name__, said)))
    return said + (f", in {place}" if place else "")


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
    return name.removeprefix("network.")


def _place(chain: list[BaseException], module: nn.Module) -> str | None:
    """Return the innermost part of `module` that was being run when the error was raised."""
    names = {id(part): name for name, part in module.named_modules() if name}
    for error in reversed(chain):
        found, trace = None, error.__traceback__
        while trace is not None:
            part = trace.tb_frame.f_locals.get("self")
            if id(part) in names:
                found = f"{_own(names[id(part)])} ({type(part).__name__})"
            trace = trace.tb_next
        if found:
            return found
    return None
