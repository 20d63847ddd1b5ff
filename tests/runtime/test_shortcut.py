from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

from edgekit.runtime.session import open_session
from edgekit.runtime.shortcut import bound_runner, replaying, runner


class Public:
    """A session of a version of onnxruntime: `inside` is what its native session has."""

    def __init__(self, inside: Any, provider: str = "CPUExecutionProvider") -> None:
        self._sess = inside
        self.provider = provider

    def get_providers(self) -> list[str]:
        return [self.provider]

    def run(self, names: list[str], feeds: dict[str, Any], options: Any = None) -> list[Any]:
        return ["public", *names, *([options] if options else [])]

    def run_with_iobinding(self, binding: Any, options: Any = None) -> str:
        return "public"


class Known:
    """The native session of onnxruntime 1.20 to 1.32."""

    def run(self, names: list[str], feeds: dict[str, Any], options: Any) -> list[Any]:
        return ["inner", *names, *([options] if options else [])]

    def run_with_iobinding(self, binding: Any, options: Any) -> str:
        return "inner"


class Other:
    """A native session that wants something else."""

    def run(self, feeds: dict[str, Any]) -> list[Any]:
        return []

    def run_with_iobinding(self) -> None: ...


class Binding:
    _iobinding = None


class KnownBinding:
    _iobinding = "native"


def test_the_native_session_is_called_where_it_has_the_form_known() -> None:
    assert runner(Public(Known()))(["y"], {}) == ["inner", "y"]
    assert bound_runner(Public(Known()), KnownBinding())() == "inner"


def test_anything_else_goes_the_public_way() -> None:
    without = Public(Known())
    del without._sess
    for session in (
        Public(None),
        Public(object()),
        Public(Other()),
        Public(Known(), "WebGpuExecutionProvider"),
        without,
    ):
        assert runner(session)(["y"], {}) == ["public", "y"]
        assert bound_runner(session, KnownBinding())() == "public"
    assert bound_runner(Public(Known()), Binding())() == "public"


def test_the_options_of_a_run_go_either_way() -> None:
    assert runner(Public(Known()), "no graph")(["y"], {}) == ["inner", "y", "no graph"]
    assert runner(Public(None), "no graph")(["y"], {}) == ["public", "y", "no graph"]
    assert runner(Public(Other()), "no graph")(["y"], {}) == ["public", "y", "no graph"]


def test_a_run_says_which_cuda_graph_is_its_own() -> None:
    assert replaying(-1).get_run_config_entry("gpu_graph_id") == "-1"
    assert replaying(7).get_run_config_entry("gpu_graph_id") == "7"


def test_this_onnxruntime_has_the_form_known(graph: Callable[..., bytes]) -> None:
    """Where it fails, calls have become slower by 1 to 5 µs, and nothing else is wrong."""
    inside = open_session(graph("(float[N] x) => (float[N] y) { y = Neg(x) }"), threads=1)._session._sess
    np.testing.assert_array_equal(inside.run(["y"], {"x": np.ones(2, np.float32)}, None)[0], [-1, -1])
    assert callable(inside.run_with_iobinding), onnxruntime.__version__
