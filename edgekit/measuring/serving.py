"""What answers queries that do not wait for each other: a pool of threads that call a session, and a Batcher.

Both are asked the same feeds again and again, and tell of every query when it was answered.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from edgekit.latency.scenarios.multi_stream import query
from edgekit.runtime.batcher import MAX_BATCH, Batcher
from edgekit.runtime.model import Model

_QUEUE = 1_000_000  # requests that may wait: none is refused, so that what waits is seen
_STOP: Any = None

Done = Callable[[int], None]


class Serves(Protocol):
    """What answers queries, in its own time, until it is closed; `server.System` says what the first two do."""

    def submit(self, done: Done) -> None:
        """Take a query; `done` is told when it was answered."""
        ...

    def drain(self) -> None:
        """Return when all are answered."""
        ...

    def close(self) -> None:
        """End its threads."""
        ...


class Pool:
    """Threads that take queries in the order they came, each by a `call`."""

    def __init__(self, call: Callable[[], object], workers: int, clock: Callable[[], int]) -> None:
        self._call, self._clock = call, clock
        self._waiting: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._open = _Open()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, done: Done) -> None:
        """Queue a query; `done` is told when it was answered."""
        self._open.one_more()
        self._waiting.put(done)

    def drain(self) -> None:
        """Return when all are answered; raise what the first to fail raised."""
        self._open.wait()

    def close(self) -> None:
        """Answer what waits, and end."""
        for _ in self._threads:
            self._waiting.put(_STOP)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (done := self._waiting.get()) is not _STOP:
            error: BaseException | None = None
            try:
                self._call()
            except Exception as raised:
                error = raised
            done(self._clock())
            self._open.one_less(error)


class Joined:
    """A Batcher, asked the same feeds again and again."""

    def __init__(
        self, model: Model, feeds: Mapping[str, Any], clock: Callable[[], int], max_batch: int = MAX_BATCH
    ) -> None:
        self._batcher = Batcher(model, max_batch=max_batch, max_queue=_QUEUE)
        self._feeds, self._clock, self._open = feeds, clock, _Open()

    def submit(self, done: Done) -> None:
        """Queue a query; `done` is told when it was answered."""
        self._open.one_more()
        request = self._batcher.submit(self._feeds)

        def answered(request: Any) -> None:
            done(self._clock())
            self._open.one_less(request.exception())

        request.add_done_callback(answered)

    def drain(self) -> None:
        """Return when all are answered; raise what the first to fail raised."""
        self._open.wait()

    def close(self) -> None:
        """Answer what waits, and end."""
        self._batcher.close()


def queries(system: Serves, samples: int) -> Callable[[], None]:
    """Return a call that asks for so many samples at once, and returns when all are answered."""
    return query(lambda done: system.submit(lambda when: done()), samples)


class _Open:
    """How many queries are not answered, and what went wrong."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._error: BaseException | None = None

    def one_more(self) -> None:
        with self._changed:
            self._count += 1

    def one_less(self, error: BaseException | None) -> None:
        with self._changed:
            self._count -= 1
            self._error = self._error or error
            if not self._count:
                self._changed.notify_all()

    def wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._count)
            if self._error:
                raise self._error
