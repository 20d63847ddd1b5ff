from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgekit.errors import InputError, UsageError
from edgekit.runtime.bundle import load
from edgekit.runtime.devices import wheels

X = np.array([[0, 1, 2]], np.float32)


def test_a_closed_model_says_so_and_its_memory_is_free_at_once(vectors: Path) -> None:
    gc.disable()
    try:
        with load(vectors, threads=1) as model:
            native = weakref.ref(model.session._session)
            assert native() is not None and model(X)
        assert native() is None
    finally:
        gc.enable()
    for call in (lambda: model(X), lambda: model.predict(X), lambda: model.bind(batch=1)):
        with pytest.raises(UsageError, match="the model is closed") as caught:
            call()
        assert caught.value.hint == "load it again"
    assert model.labels == ["ant", "bee", "cow"] and "probabilities" in repr(model)
    model.close()


def test_a_model_that_is_forgotten_is_free_without_the_collector(vectors: Path) -> None:
    gc.disable()
    try:
        model = load(vectors, threads=1, max_batch=2)
        native = weakref.ref(model.session._session)
        del model
        assert native() is None
    finally:
        gc.enable()


def test_a_bound_call_outlives_its_closed_model(vectors: Path) -> None:
    with load(vectors, threads=1) as model:
        bound = model.bind(X)
        expected = model(X)["probabilities"]
    with bound:
        np.testing.assert_array_equal(bound.run()["probabilities"], expected)


def test_calls_under_way_end_as_they_would_when_the_model_is_closed(vectors: Path) -> None:
    model = load(vectors, threads=1)
    expected = model(X)["probabilities"]
    ended: list[str] = []
    begun = threading.Barrier(5)

    def call() -> None:
        begun.wait()
        try:
            while True:
                np.testing.assert_array_equal(model(X)["probabilities"], expected)
        except UsageError as error:
            ended.append(str(error))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait()
    model.close()
    for thread in threads:
        thread.join(10)
    assert ended == ["the model is closed"] * 4


@pytest.mark.parametrize("sizes", [{"batch": 3}, {"x": (3, 3)}], ids=["batch", "shape"])
def test_binding_takes_arrays_or_sizes_and_not_both(vectors: Path, sizes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="bind was given arrays and sizes too"):
        load(vectors, threads=1).bind(X, **sizes)


def test_a_model_says_where_it_runs_and_why_nowhere_else(vectors: Path) -> None:
    model = load(vectors, threads=1)
    assert repr(model).endswith("device='cpu', threads=1)")
    model.session.refused["cuda"] = "no such GPU"
    for told in (repr(model), repr(model.session)):
        assert told.endswith("device='cpu', threads=1, not 'cuda': no such GPU)")


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="a build with CUDA")
def test_auto_tells_of_two_wheels_that_write_the_same_files(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "installed", lambda: {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.32.0"})
    model = load(vectors, device="auto", threads=1)
    assert "onnxruntime 1.32.0, onnxruntime-gpu 1.32.0 are both installed" in model.session.refused["cuda"]
    assert model.session.refused["cuda"] in repr(model)
