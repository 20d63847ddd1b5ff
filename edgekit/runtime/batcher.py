"""Many callers, one model: single requests are joined into one run, for threads and for asyncio.

What it imports, threads and futures, waits for the first use of `edgekit.Batcher`; asyncio for the first `ask`.
"""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import Any

from edgekit.errors import UsageError
from edgekit.runtime.joining import LONGEST, Request, Worker
from edgekit.runtime.model import Model
from edgekit.runtime.settings import number, shown, whole
from edgekit.runtime.splitting import check_batch, rows

MAX_BATCH = 32  # rows, where nobody says how many


class Batcher:
    """Joins requests to one model: `batcher(feeds)` answers as `model(feeds)` does, from any number of threads.

    A request has the model's own feeds, of any number of rows; requests of one shape are joined, in the order they
    came, up to `max_batch` rows: 32 unless said, or what `edgekit tune` found to be faster here. The first of them
    waits at most `max_delay_ms` for company; 0 joins only what came in while the run before was under way.
    `max_queue` requests may wait, and one more is a BusyError.

    One thread runs the model. It starts with the first request, and does not survive a fork: make a Batcher in the
    process that uses it. `with Batcher(model) as batcher:` closes it at the end.

    It pays where a batch shares work, as in a model that mostly reads its weights. Where a run takes few microseconds,
    passing requests between threads costs more than it saves: call the model itself. bench/batching.py measures it.
    A model that lets one row of a batch change another's answer must not be batched; nothing here can tell. Dynamic
    8 bits do: the rows of a batch share one scale. `edgekit export --format triton` tries it.
    """

    def __init__(
        self, model: Model, max_batch: int | None = None, max_delay_ms: float = 0.0, max_queue: int = 1024
    ) -> None:
        if not hasattr(model, "check"):
            raise UsageError(f"a Batcher was given {shown(model)} for a model", "give it what edgekit.load returned")
        self.max_batch = _usual(model) if max_batch is None else whole("max_batch", max_batch)
        self.max_delay_ms = number("max_delay_ms", max_delay_ms, 0, 1e3 * LONGEST, "milliseconds")
        self.max_queue = whole("max_queue", max_queue)
        check_batch("a Batcher", model.inputs, model.outputs)
        self.model = model
        self._worker = Worker(model, self.max_batch, self.max_queue)
        weakref.finalize(self, self._worker.stop).atexit = False

    @property
    def waiting(self) -> int:
        """How many requests wait to be run."""
        return self._worker.waiting

    def submit(self, feeds: Any, timeout: float | None = None) -> Request:
        """Queue a request and return its Future; `cancel()` takes it back while it waits. Leave its arrays unchanged.

        InputError where the feeds do not fit: at once, and no other request is harmed. BusyError where the queue is
        full, UsageError where the batcher is closed. A request that is not begun within `timeout` seconds is not run,
        and gets a DeadlineError.
        """
        if timeout is not None:
            timeout = number("timeout", timeout, -LONGEST, LONGEST, "seconds")  # below 0: it is late already
        arrays = dict(self.model.check(feeds))  # the caller may fill its own with the next ones
        kind = tuple([array.shape[1:] for array in arrays.values()])
        request = Request(arrays, rows(arrays), kind, self.max_delay_ms / 1e3, timeout)
        self._worker.put(request)
        return request

    def __call__(self, feeds: Any, timeout: float | None = None) -> dict[str, Any]:
        """Return what `model(feeds)` would; DeadlineError where that takes longer than `timeout` seconds."""
        request = self.submit(feeds, timeout)
        try:
            return request.result(timeout)
        except BaseException as error:  # an interrupt too takes the request back
            request.cancel()
            if type(error) is TimeoutError:
                raise request.late() from None
            raise

    async def ask(self, feeds: Any, timeout: float | None = None) -> dict[str, Any]:
        """Return what `model(feeds)` would, and leave the event loop free; a cancelled task takes its request back."""
        import asyncio

        request = self.submit(feeds, timeout)
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.wrap_future(request)
        except TimeoutError as error:
            if type(error) is TimeoutError:
                raise request.late() from None
            raise

    def close(self) -> None:
        """Take no more requests, and return when all that were taken are answered. It may be closed twice."""
        self._worker.stop()
        self._worker.join()

    def __enter__(self) -> Batcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        settings = f"max_batch={self.max_batch}, max_delay_ms={self.max_delay_ms:g}, max_queue={self.max_queue}"
        return f"Batcher({self.model.name!r}, {settings})"


def _usual(model: Model) -> int:
    tuned = getattr(getattr(model, "session", None), "tuned", None)  # what answers as a model does is taken too
    return tuned.max_batch if tuned and tuned.max_batch else MAX_BATCH
