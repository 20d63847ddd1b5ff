"""Locks between processes: one run folder, one writer; and nothing trains while something is timed.

POSIX file locks, which the kernel lets go of when a process dies, however it dies. Where the system has none
(Windows) the locks are taken by nobody, and two runs must not be started at the same time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from edgekit import console, files

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PATIENCE = 3.0  # seconds of waiting that need no word
_POLL = 0.001


def _open(path: Path) -> IO[bytes]:
    with files.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")


@contextlib.contextmanager
def exclusive(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold `path` alone; where another process has it, call `waiting` once and wait."""
    with _open(path) as stream:
        if fcntl:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting:
                    waiting()
                fcntl.flock(stream, fcntl.LOCK_EX)
        yield


class Device:
    """The right to use a device: shared by trainings, and held alone by whoever measures time on it.

    A training asks anew for every batch (`busy`), so a measurement (`quiet`) starts within one batch; while one
    waits or runs, the turnstile keeps further batches out, and no measurement starves.
    """

    def __init__(self, device: str) -> None:
        self.name = device
        folder = files.home() / "locks"
        name = device.replace(":", "-")
        self._floor = _open(folder / f"{name}.floor")
        self._turnstile = _open(folder / f"{name}.turnstile")

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Work on the device beside others that work, unless someone is measuring."""
        with self._held(self._turnstile, shared=True):
            pass
        with self._held(self._floor, shared=True):
            yield

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Have the device alone among edgekit's processes."""
        with self._held(self._turnstile, shared=False), self._held(self._floor, shared=False):
            yield

    @contextlib.contextmanager
    def _held(self, stream: IO[bytes], shared: bool) -> Iterator[None]:
        if fcntl:
            self._take(stream, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        try:
            yield
        finally:
            if fcntl:
                fcntl.flock(stream, fcntl.LOCK_UN)

    def _take(self, stream: IO[bytes], how: int) -> None:
        """Take a lock; say so once where another process keeps it for long."""
        began, said = time.monotonic(), False
        while True:
            try:
                return fcntl.flock(stream, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if not said and time.monotonic() - began > _PATIENCE:
                    console.say(f"waiting for another edgekit process that measures or trains on {self.name}")
                    said = True
                time.sleep(_POLL)

    def close(self) -> None:
        """Let go of the lock files."""
        self._floor.close()
        self._turnstile.close()


def held(path: Path) -> bool:
    """Tell whether another process holds `path` alone just now."""
    if not fcntl or not path.exists():
        return False
    with path.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
