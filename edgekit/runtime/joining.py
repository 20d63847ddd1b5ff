"""The worker behind a Batcher: requests of one shape wait together, run together, and are told apart again.

One thread runs the model; it sleeps on a condition until there is something to run, so waiting costs nothing. It holds
no reference to the Batcher: one that is dropped without `close()` is collected, and its worker answers what it was
asked and ends. At the interpreter's exit the worker finishes its run and what still waits is cancelled, because a
thread inside onnxruntime must not be torn down. numpy alone.
"""

from __future__ import annotations

import atexit
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

import numpy as np

from edgekit.errors import BundleError, BusyError, DeadlineError, UsageError

Arrays = dict[str, Any]
LONGEST = 1e6  # seconds: what a thread can wait for on every system


class Request(Future[Arrays]):
    """One caller's arrays, all of `rows` rows, and the answer to come. Cancelling gives its place in the queue back.

    `kind`: what those it may be joined with have in common. `due`: when it waits for company no longer; `deadline`:
    when nobody waits for the answer any more, `timeout` seconds after it was made; both on the monotonic clock.
    """

    def __init__(self, arrays: Arrays, rows: int, kind: Hashable, delay: float, timeout: float | None) -> None:
        super().__init__()
        now = time.monotonic()
        self.arrays, self.rows, self.kind, self.timeout = arrays, rows, kind, timeout
        self.deadline = math.inf if timeout is None else now + timeout
        # Waiting for company up to the deadline would leave no time to run.
        self.due = now + (delay if timeout is None else min(delay, timeout / 2))
        self.queue: Worker | None = None

    def cancel(self) -> bool:
        """Cancel the request unless it runs already."""
        cancelled = super().cancel()
        if cancelled and self.queue:
            self.queue.forget(self)
        return cancelled

    def late(self) -> DeadlineError:
        """Return the error that tells of a missed deadline."""
        return DeadlineError(f"no answer within {self.timeout:g} s", "allow more time, or ask less at a time")


class Group:
    """Requests that may be joined, in the order they came; `rows` they have together, `due` when the first is due."""

    __slots__ = ("due", "requests", "rows")

    def __init__(self) -> None:
        self.requests: deque[Request] = deque()
        self.rows = 0
        self.due = math.inf

    def add(self, request: Request) -> None:
        """Let a request wait at the end."""
        self.requests.append(request)
        self.rows += request.rows
        self.due = min(self.due, request.due)

    def take(self, max_batch: int) -> list[Request]:
        """Take the first requests, up to `max_batch` rows; one that is larger by itself is taken alone."""
        taken: list[Request] = []
        rows = 0
        while self.requests and (not taken or rows + self.requests[0].rows <= max_batch):
            taken.append(self.requests.popleft())
            rows += taken[-1].rows
        self._left(rows)
        return taken

    def remove(self, request: Request) -> None:
        """Take one request out; ValueError where it does not wait here."""
        self.requests.remove(request)
        self._left(request.rows)

    def _left(self, rows: int) -> None:
        self.rows -= rows
        self.due = min((request.due for request in self.requests), default=math.inf)


class Worker:
    """Runs requests in the order they came, joined up to `max_batch` rows; `max_queue` of them may wait."""

    def __init__(self, run: Callable[[Arrays], Arrays], max_batch: int, max_queue: int) -> None:
        self._run, self._max_batch, self._max_queue = run, max_batch, max_queue
        # Reentrant: a collection that frees the Batcher may begin in a thread that holds it.
        self._changed = threading.Condition()
        self._groups: dict[Hashable, Group] = {}
        self._sleeps_until = -math.inf  # -inf while it runs: then nobody need wake it
        self._closed = False
        self._thread: threading.Thread | None = None
        self.waiting = 0

    def put(self, request: Request) -> None:
        """Queue a request; BusyError where the queue is full, UsageError where it is closed, or after a fork."""
        if self._thread and not self._thread.is_alive() and not self._closed:
            raise UsageError(
                "this process is a fork of the one the batcher works in",
                "load the model and make its Batcher in the process that uses them",
            )
        with self._changed:
            if self._closed:
                raise UsageError("the batcher is closed", "make another: this one takes no requests any more")
            if self.waiting >= self._max_queue:
                raise BusyError(f"{self.waiting} requests are waiting already", "try again later, or raise max_queue")
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="edgekit-batcher", daemon=True)
                thread.start()
                _RUNNING.add(self)
                self._thread = thread  # alive from the moment it is seen
            request.queue = self
            group = self._groups.setdefault(request.kind, Group())
            group.add(request)
            self.waiting += 1
            if request.due < self._sleeps_until or group.rows >= self._max_batch:
                self._changed.notify()

    def forget(self, request: Request) -> None:
        """Give a cancelled request's place in the queue back, unless it was taken from there."""
        with self._changed:
            group = self._groups.get(request.kind)
            if group and request in group.requests:
                group.remove(request)
                self._gone(request.kind, 1)

    def stop(self) -> None:
        """Take no more requests; what waits is answered, and then the thread ends."""
        if self._thread and not self._thread.is_alive():  # ended, or left behind by a fork, perhaps with the lock
            return
        with self._changed:
            self._closed = True
            self._changed.notify()

    def join(self) -> None:
        """Wait until all is answered; a worker that closes itself in a callback does not wait."""
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join()

    def finish(self) -> None:
        """End for the interpreter's exit: finish what runs, cancel what waits."""
        if not self._thread or not self._thread.is_alive():
            return
        with self._changed:
            waiting = [request for group in self._groups.values() for request in group.requests]
            self._groups.clear()
            self.waiting = 0
            self.stop()
        for request in waiting:
            request.cancel()
        self.join()

    def _work(self) -> None:
        try:
            while self._step():
                pass
        finally:
            _RUNNING.discard(self)

    def _step(self) -> bool:
        """Take and answer what is ready; False when there will be nothing more. Its frame lets go of the arrays."""
        batch = self._take()
        if batch is None:
            return False
        now = time.monotonic()
        live = []
        for request in batch:
            if request.set_running_or_notify_cancel():
                if request.deadline > now:
                    live.append(request)
                else:
                    request.set_exception(request.late())
        self._answer(live)
        for request in live:
            request.arrays.clear()  # a future that somebody keeps holds its answer alone
        return True

    def _take(self) -> list[Request] | None:
        """Sleep until some requests are due, or enough to fill a batch, and take them; None at the end."""
        with self._changed:
            while not (ready := self._ready()):
                if self._closed and not self._groups:
                    return None
                self._sleeps_until = min((group.due for group in self._groups.values()), default=math.inf)
                self._changed.wait(min(max(0.0, self._sleeps_until - time.monotonic()), threading.TIMEOUT_MAX))
                self._sleeps_until = -math.inf
            kind = min(ready, key=lambda kind: self._groups[kind].due)
            batch = self._groups[kind].take(self._max_batch)
            self._gone(kind, len(batch))
            return batch

    def _ready(self) -> list[Hashable]:
        """Return the kinds of requests that may run now: those due, or enough to fill a batch."""
        now = time.monotonic()
        return [
            kind
            for kind, group in self._groups.items()
            if self._closed or group.due <= now or group.rows >= self._max_batch
        ]

    def _gone(self, kind: Hashable, count: int) -> None:
        self.waiting -= count
        if not self._groups[kind].requests:
            del self._groups[kind]

    def _answer(self, live: list[Request]) -> None:
        """Run requests joined; where that fails, each alone, so that one cannot spoil the others' answers."""
        try:
            answers = self._joined(live) if len(live) > 1 else [self._run(request.arrays) for request in live]
        except BundleError as error:  # of the model, not of a request
            for request in live:
                request.set_exception(BundleError(str(error), error.hint))
        except Exception as error:
            for request in live:
                if len(live) == 1:
                    request.set_exception(error)
                else:
                    self._answer([request])
        else:
            for request, answer in zip(live, answers, strict=True):
                request.set_result(answer)

    def _joined(self, live: list[Request]) -> list[Arrays]:
        outputs = self._run({name: np.concatenate([r.arrays[name] for r in live]) for name in live[0].arrays})
        ends = np.cumsum([request.rows for request in live]).tolist()
        for name, output in outputs.items():
            if len(output) != ends[-1]:
                raise BundleError(
                    f'the model cannot be batched: its output "{name}" has {len(output)} rows for {ends[-1]}',
                    "call the model itself",
                )
        # Copies, so that no caller keeps the arrays of all.
        return [
            {name: output[end - request.rows : end].copy() for name, output in outputs.items()}
            for request, end in zip(live, ends, strict=True)
        ]


_RUNNING: set[Worker] = set()


@atexit.register
def _finish_all() -> None:
    for worker in list(_RUNNING):
        worker.finish()
