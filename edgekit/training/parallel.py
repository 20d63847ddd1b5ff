"""A module on several processes: their gradients become one, and what they saw of batches. Alone it stays as it is."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from edgekit import console
from edgekit.training import together
from edgekit.training.randomness import seeded


def shared(step: nn.Module, *given: Any, changing: bool) -> nn.Module:
    """Return `step`, whose gradients become the mean of every process's; the weights of the first go to all.

    `step` answers what it is `given` with a loss first. `changing`: it may leave out other weights in steps to come.
    """
    if together.here().size == 1:
        return step
    from torch.nn.parallel import DistributedDataParallel

    # Statistics of batches are averaged once in an epoch instead (`even_out`). New versions of PyTorch warn of the
    # setting's old name.
    known = inspect.signature(DistributedDataParallel).parameters
    buffers: dict[str, Any] = {
        "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False
    }
    return DistributedDataParallel(step, find_unused_parameters=changing or _leaves_some(step, *given), **buffers)


def _leaves_some(step: nn.Module, *given: Any) -> bool:
    """Tell whether a step leaves weights without a gradient: to look for them in every step costs time, and a warning.

    The network is as before when this is known.
    """
    before = [buffer.clone() for buffer in step.buffers()]
    with seeded(0, 0):
        step(*given)[0].backward()
    with torch.no_grad():
        for buffer, value in zip(step.buffers(), before, strict=True):
            buffer.copy_(value)
    found = any(weights.requires_grad and weights.grad is None for weights in step.parameters())
    step.zero_grad()
    return found


def no_exchange(module: nn.Module) -> contextlib.AbstractContextManager[None]:
    """Return a context in which gradients are added up here, and not exchanged yet."""
    return module.no_sync() if hasattr(module, "no_sync") else contextlib.nullcontext()  # type: ignore[no-any-return, operator]


def even_out(*modules: nn.Module | None) -> None:
    """Make the buffers of `modules`, such as the statistics of batches, the mean of every process's."""
    if together.here().size == 1:
        return
    for module in modules:
        for buffer in module.buffers() if module is not None else ():
            if buffer.is_floating_point():
                buffer.copy_(together.mean(buffer))


@contextlib.contextmanager
def batch_statistics(module: nn.Module, name: str) -> Iterator[None]:
    """Have batch normalisation in `module` see whole batches where it can, on CUDA; on leaving, all is as it was.

    On a CPU, where PyTorch's SyncBatchNorm does not work, it sees each process's part, and a line says so.
    """
    own = {at: layer for at, layer in module.named_modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)}
    if together.here().size == 1 or not own:
        yield
        return
    if next(module.parameters()).device.type != "cuda":
        console.say(f"{name}: batch normalisation sees the part of each process: SyncBatchNorm needs CUDA")
        yield
        return
    for at, layer in own.items():  # not run on a GPU yet
        # Of the same weights and buffers.
        synchronised = nn.SyncBatchNorm.convert_sync_batchnorm(layer)  # type: ignore[no-untyped-call]
        synchronised._forward_hooks, synchronised._forward_pre_hooks = layer._forward_hooks, layer._forward_pre_hooks
        _put(module, at, synchronised)
    try:
        yield
    finally:
        for at, layer in own.items():
            _put(module, at, layer)


def _put(module: nn.Module, at: str, layer: nn.Module) -> None:
    parent, _, name = at.rpartition(".")
    setattr(module.get_submodule(parent), name, layer)
