"""Several processes as one training: they agree, gather and wait, by way of torch.distributed.

Alone, which is what nearly every training is, all of this does nothing, and torch.distributed is not asked for. The
first process leads: what only one may do (write, judge, time) it does alone, by `first`, while the others wait for what
came of it. Weights, averages and decisions are the same in all; the batches are shared out (`data/batches.py`).
"""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar, cast

import torch

from edgekit import console, processes
from edgekit.errors import DataError, DeviceError, EdgekitError, TrainingError
from edgekit.processes import Process

T = TypeVar("T")
_ALONE = Process()
_WAIT = datetime.timedelta(days=2)  # the others wait while the first one judges; who is lost is noticed at once
_JOIN = datetime.timedelta(minutes=10)
_now = _ALONE


def here() -> Process:
    """Return which process this is among those that work together just now."""
    return _now


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Work together with the other processes of the launch, if there are any, and part on leaving.

    Raises DeviceError where there are more processes than CUDA devices here, TrainingError where one does not come, or
    is lost.
    """
    global _now
    process = processes.own()
    if process.size == 1 or _now.size > 1:
        yield
        return
    import torch.distributed as dist

    backend = "gloo"
    if torch.cuda.is_available():  # not run on a GPU yet
        if process.local_size > torch.cuda.device_count():
            said = f"{process.local_size} processes here, and {torch.cuda.device_count()} CUDA devices"
            raise DeviceError(said, "launch one process for each device")
        torch.cuda.set_device(process.local_rank)
        backend = "cpu:gloo,cuda:nccl"
    elif process.local_size > (os.cpu_count() or 1):
        console.say(f"note: {process.local_size} processes share {os.cpu_count()} cores, and wait for each other")
    with _told(), _ended_by_launcher():
        from torch.distributed.rendezvous import rendezvous

        store, rank, size = next(rendezvous("env://", timeout=_JOIN))
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=_WAIT)
    _now = process
    try:
        with _told(), _ended_by_launcher():
            yield
    finally:
        _now = _ALONE
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Do what follows as if there were no other process."""
    global _now
    before, _now = _now, _ALONE
    try:
        yield
    finally:
        _now = before


def first(make: Callable[[], T]) -> T:
    """Have the first process `make` something, and return it in all of them.

    Where that fails the first one raises, and the others end without a word.
    """
    if _now.size == 1:
        return make()
    import torch.distributed as dist

    told: list[Any] = [None, False]
    if _now.leads:
        try:
            with apart():
                told = [make(), True]
        finally:  # also of a Ctrl-C: who waits is told
            dist.broadcast_object_list(told, device=torch.device("cpu"))
    else:
        dist.broadcast_object_list(told, device=torch.device("cpu"))
        if not told[1]:
            raise SystemExit(1)
    return cast(T, told[0])


def gathered(value: T) -> list[T]:
    """Return every process's `value`, by rank, in all of them."""
    if _now.size == 1:
        return [value]
    import torch.distributed as dist

    values: list[Any] = [None] * _now.size
    dist.all_gather_object(values, value)
    return values


def mean(values: torch.Tensor) -> torch.Tensor:
    """Return the mean of every process's `values`, of any shape, in all of them."""
    if _now.size == 1:
        return values
    import torch.distributed as dist

    total = values.clone()
    dist.all_reduce(total)
    return total / _now.size


def wait() -> None:
    """Wait until every process is here."""
    gathered(None)


def one_and_the_same(what: dict[str, str], folder: Path) -> None:
    """Raise DataError, in all processes, where one has another data set or recipe, or does not see `folder`."""
    if _now.size == 1:
        return
    mark = folder / ".together"

    def leave_mark() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()

    first(leave_mark)
    told = gathered((socket.gethostname(), mark.exists(), what))
    first(lambda: mark.unlink(missing_ok=True))
    for rank, (host, sees, other) in enumerate(told):
        at = f"process {rank + 1} of {_now.size}, on {host},"
        if not sees:
            hint = "keep runs and EDGEKIT_HOME on a disk that all share"
            raise alike(DataError(f'{at} does not see "{folder}"', hint))
        for name, value in told[0][2].items():
            if other[name] != value:
                raise alike(DataError(f"{at} has another {name} than the first", f"give all processes one {name}"))


def own_randomness() -> None:
    """Give every process random numbers of its own: what is dropped differs between the parts of a batch."""
    if _now.rank:
        torch.manual_seed(torch.initial_seed() + _now.rank)


def alike(error: EdgekitError) -> BaseException:
    """Return `error` for the first process to raise, and a silent end for the others, which found the same."""
    return error if _now.leads else SystemExit(1)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say in plain words that another process is gone."""
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        if not any(sign in str(error) for sign in ("gloo", "NCCL", "nccl", "Connection", "TCPStore")):
            raise
        _lost("it does not answer", error)


@contextlib.contextmanager
def _ended_by_launcher() -> Iterator[None]:
    """Say in plain words that the launcher ends this process, as it does when another is gone."""

    def end(number: int, frame: FrameType | None) -> None:
        _lost("the launcher ends them all")

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not the main thread: nobody's to say
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _lost(why: str, cause: Exception | None = None) -> NoReturn:
    raise TrainingError(
        f"another process of this launch is gone: {why}; {processes.own()} cannot go on without it",
        "start the same command again, with as many processes as you like: it goes on after the last whole epoch",
    ) from cause
