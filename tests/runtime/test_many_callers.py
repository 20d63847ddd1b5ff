"""One session, many threads: every caller gets the answer to what it asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.runtime.batcher import Batcher
from edgekit.runtime.bundle import load

CALLERS = 32
# Enough work for runs to overlap; the first value of the answer tells the one of the question.
NET = """(float[N,64] x) => (float[N,64] y) <float[64,64] eye = {%s}> {
    a = MatMul(x, eye) b = Tanh(a) c = MatMul(b, eye) d = Tanh(c) e = MatMul(d, eye) y = Sigmoid(e) }"""
EYE = ",".join(str(float(row == column)) for row in range(64) for column in range(64))


@pytest.fixture
def net(graph: Callable[..., bytes], tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(graph(NET % EYE))
    return path


def asked(caller: int, calls: int, ask: Callable[[Any], dict[str, Any]], questions: np.ndarray) -> np.ndarray:
    """The answers to `calls` questions, each asked at another time by every caller."""
    order = (np.arange(calls) + 31 * caller) % len(questions)
    answers = np.stack([ask(questions[index : index + 1])["y"][0] for index in order])
    return answers[np.argsort(order, kind="stable")]


@pytest.mark.parametrize(
    ("batched", "threads", "calls"), [(False, 1, 1000), (False, 2, 1000), (True, 1, 100)], ids=["1", "2", "batched"]
)
def test_32_threads_get_the_answers_of_serial_calls(net: Path, batched: bool, threads: int, calls: int) -> None:
    model = load(net, threads=threads)
    questions = np.random.default_rng(0).normal(size=(calls, 64)).astype(np.float32)
    expected = np.stack([model(question[None])["y"][0] for question in questions])
    with Batcher(model) as batcher, ThreadPoolExecutor(CALLERS) as pool:
        told = [pool.submit(asked, i, calls, batcher if batched else model, questions) for i in range(CALLERS)]
        for answers in (future.result() for future in told):
            if batched:  # a matrix product over more rows may round differently
                np.testing.assert_allclose(answers, expected, rtol=1e-5)
            else:
                np.testing.assert_array_equal(answers, expected)
