from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime as ort
import pytest

from edgekit.runtime import staging


@pytest.mark.parametrize(
    ("device", "place"),
    [
        ("cpu", ("cpu", 0)),
        ("cuda", ("cuda", 0)),
        ("cuda:1", ("cuda", 1)),
        ("tensorrt:2", ("cuda", 2)),
        ("openvino:CPU", ("cpu", 0)),
    ],
)
def test_only_what_computes_on_an_nvidia_gpu_has_buffers_there(device: str, place: tuple[str, int]):
    assert staging.memory(device) == place


def test_each_run_copies_what_is_given_runs_and_copies_the_answers_back(graph: Callable[..., bytes]):
    session = ort.InferenceSession(graph("(float[N] a, float[N] b) => (float[N] sum) { sum = Add(a, b) }"))
    inputs = {name: np.zeros(3, np.float32) for name in "ab"}
    outputs = {"sum": np.full(3, -1, np.float32)}
    run = staging.runner(session, session.io_binding(), inputs, outputs, ("cpu", 0))
    for first in (1, 10):
        inputs["a"][:] = [first, 2, 3]
        inputs["b"][:] = 5
        run()
        assert outputs["sum"].tolist() == [first + 5, 7, 8]


def test_the_buffers_stay_where_they_are(graph: Callable[..., bytes]):
    """A CUDA graph replays the addresses of its first run."""
    session = ort.InferenceSession(graph("(float[N] x) => (float[N] y) { y = Neg(x) }"))
    bound: list[ort.OrtValue] = []

    class Binding(ort.IOBinding):
        def bind_ortvalue_input(self, name: str, value: ort.OrtValue) -> None:
            bound.append(value)
            super().bind_ortvalue_input(name, value)

        def bind_ortvalue_output(self, name: str, value: ort.OrtValue) -> None:
            bound.append(value)
            super().bind_ortvalue_output(name, value)

    inputs, outputs = {"x": np.ones(2, np.float32)}, {"y": np.zeros(2, np.float32)}
    run = staging.runner(session, Binding(session), inputs, outputs, ("cpu", 0))
    places = [value.data_ptr() for value in bound]
    run()
    run()
    assert len(bound) == 2
    assert [value.data_ptr() for value in bound] == places
    assert outputs["y"].tolist() == [-1, -1]
