"""How many threads a session takes, whether they spin, and one pool for all sessions of the process.

onnxruntime alone starts a thread for every core of the machine, whatever a container may use. Imports onnxruntime, and
`hardware` where the number is not said.
"""

from __future__ import annotations

from _thread import allocate_lock
from typing import Any

from edgekit.errors import UsageError
from edgekit.extras import need
from edgekit.runtime.settings import whole

ort = need("onnxruntime", "running a model")

_guard = allocate_lock()  # what threading.Lock is: importing threading costs half a millisecond
_ALL = "leave it out to use every processor"
_shared: int | None = None  # the size of the pool of the process, once there is one


def usable() -> int:
    """Return how many threads can compute at once here: processor affinity and the container's quota, at least 1.

    Of a quota of 1.5 cores it is 1: two threads would use it up and then be stopped for the rest of each period.
    """
    from edgekit import hardware

    return max(1, int(hardware.usable_cores()))


def share(count: int | None = None) -> int:
    """Give all sessions opened from now on one pool of `count` threads (None: `usable()`), and return its size.

    For processes that load many models: a pool for each would start more threads than there are cores. onnxruntime
    allows it once in a process, and then refuses sessions with a pool of their own, also those of other packages.
    UsageError where it was done with another size, or onnxruntime is older than 1.24.
    """
    global _shared
    count = usable() if count is None else whole("threads", count, _ALL)
    with _guard:
        if _shared not in (None, count):
            raise UsageError(f"the sessions of this process share {_shared} threads already, not {count}")
        if _shared is None:
            if not hasattr(ort, "set_global_thread_pool_sizes"):
                raise UsageError(
                    f"onnxruntime {ort.__version__} cannot share threads between sessions",
                    "upgrade onnxruntime to 1.24 or newer, or load models with threads=1",
                )
            ort.set_global_thread_pool_sizes(count, 1)
            _shared = count
    return count


def shared() -> int | None:
    """Return the size of the pool that all sessions of the process share; None where each has its own."""
    return _shared


def settle(options: Any, threads: int | None, spinning: bool) -> int:
    """Write threads and spinning into `onnxruntime.SessionOptions`, and return how many threads it will be.

    Threads spin for a while before they sleep, as onnxruntime has it. `spinning` False has them sleep at once: two
    threads called every 2 ms for 0.7 ms then took 0.9 ms of processor time a call instead of 2.5, on a busy machine.
    """
    if _shared is not None:
        if threads not in (None, _shared):
            raise UsageError(f"threads is {threads!r}, but the sessions of this process share a pool of {_shared}")
        options.use_per_session_threads = False
        return _shared
    threads = usable() if threads is None else whole("threads", threads, _ALL)
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return threads
