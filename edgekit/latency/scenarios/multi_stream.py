"""The scenario "multi-stream": a query is so many samples at once, and is answered when the last of them is.

A query is a call like any other: `sampling.interleave` sends the next when it returns. Imports threads alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


def query(submit: Callable[[Callable[[], None]], None], samples: int) -> Callable[[], None]:
    """Return a call that submits `samples` and returns when all are answered.

    `submit(done)` takes one sample and returns at once; it calls `done`, from any thread, when that is answered.
    """

    def ask() -> None:
        left = threading.Semaphore(0)
        for _ in range(samples):
            submit(left.release)
        for _ in range(samples):
            left.acquire()

    return ask
