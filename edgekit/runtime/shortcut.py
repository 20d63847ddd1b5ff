"""The shortest way into onnxruntime that is there. Imports nothing.

`InferenceSession.run` checks again what was checked here, in Python, which is a sixth of the time of the smallest
models. The session inside it is called directly where it has the form known from onnxruntime 1.20 to 1.32, and the
public way is taken everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

Run = Callable[[Sequence[str], Mapping[str, Any]], list[Any]]


def runner(session: Any) -> Run:
    """Return what does the same as `session.run`, of an `onnxruntime.InferenceSession`, with less around it."""
    inner = getattr(_inside(session), "run", None)
    if inner is None:
        return session.run  # type: ignore[no-any-return]

    def run(names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        try:
            return inner(names, feeds, None)  # type: ignore[no-any-return]
        except TypeError:  # it takes something else: another version's, or feeds that the public way words better
            return session.run(names, feeds)  # type: ignore[no-any-return]

    return run


def bound_runner(session: Any, binding: Any) -> Callable[[], object]:
    """Return what does the same as `session.run_with_iobinding(binding)`, once it has been tried."""
    public = partial(session.run_with_iobinding, binding)
    inner = getattr(_inside(session), "run_with_iobinding", None)
    bound = getattr(binding, "_iobinding", None)
    if inner is None or bound is None:
        return public
    short = partial(inner, bound, None)
    try:
        short()
    except TypeError:
        return public
    return short


def _inside(session: Any) -> Any:
    """Return the native session; None where it must not be called past the public one, which guards WebGPU's graphs."""
    if "WebGpuExecutionProvider" in session.get_providers():
        return None
    return getattr(session, "_sess", None)
