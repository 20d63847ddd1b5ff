"""The shortest way into onnxruntime that is there. Imports nothing at the top.

`InferenceSession.run` checks again what was checked here, in Python, which is a sixth of the time of the smallest
models. The session inside it is called directly where it has the form known from onnxruntime 1.20 to 1.32, and the
public way is taken everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

Run = Callable[[Sequence[str], Mapping[str, Any]], list[Any]]


def runner(session: Any, options: Any = None) -> Run:
    """Return what does the same as `session.run`, of an `onnxruntime.InferenceSession`, with less around it.

    `options`: the `onnxruntime.RunOptions` of every run.
    """
    inner = getattr(_inside(session), "run", None)

    def public(names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        return session.run(names, feeds, options)  # type: ignore[no-any-return]

    def run(names: Sequence[str], feeds: Mapping[str, Any]) -> list[Any]:
        try:
            return inner(names, feeds, options)  # type: ignore[no-any-return, misc]
        except TypeError:  # it takes something else: another version's, or feeds that the public way words better
            return public(names, feeds)

    return public if inner is None else run


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


def replaying(graph: int) -> Any:
    """Return `onnxruntime.RunOptions` for runs that record the CUDA graph `graph`, and then replay it; -1 for none.

    A graph has the addresses of its recording, so each set of buffers needs one of its own.
    """
    from onnxruntime import RunOptions

    options = RunOptions()
    options.add_run_config_entry("gpu_graph_id", str(graph))
    return options


def _inside(session: Any) -> Any:
    """Return the native session; None where it must not be called past the public one, which guards WebGPU's graphs."""
    if "WebGpuExecutionProvider" in session.get_providers():
        return None
    return getattr(session, "_sess", None)
