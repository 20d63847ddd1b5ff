"""The wait between bursts of sessions that have threads of their own: those spin on after a run. No import of ours."""

from __future__ import annotations

import time
from collections.abc import Callable

# Seconds for which onnxruntime's idle threads spin, a little more. Beside another session of two threads, two threads
# took 1.58 ms at best (10th percentile) where one took 1.50; with the wait 1.0 ms.
SECONDS = 0.035


def rest_after(threads: int) -> Callable[[], None] | None:
    """Return what waits until a session's threads sleep, for `interleave`; None where it has one alone."""
    return rest if threads > 1 else None


def rest() -> None:
    """Wait until idle threads of onnxruntime sleep."""
    time.sleep(SECONDS)
