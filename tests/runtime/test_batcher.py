"""What a Batcher does with requests that came together. Its model is a gate that stays shut until the test opens it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.errors import BundleError, InputError, UsageError
from edgekit.runtime.batcher import Batcher
from edgekit.runtime.bundle import load
from edgekit.signature import Tensor

SOON = 5.0  # seconds; what takes longer hangs


def row(*values: float, columns: int = 1) -> np.ndarray:
    """One row for each value."""
    return np.array([[value] * columns for value in values], np.float32)


def value(future: Any) -> float:
    """The answer's first value."""
    return float(future.result(SOON)["y"][0, 0])


def test_what_waits_is_joined_in_the_order_it_came_and_each_gets_its_own_answer(gate: Any) -> None:
    with Batcher(gate) as batcher:
        futures = [gate.busy(batcher), *(batcher.submit(row(i)) for i in range(1, 6))]
        assert batcher.waiting == 5
        gate.open.set()
        assert [value(future) for future in futures] == [0, 2, 4, 6, 8, 10]
        assert gate.runs == [[0], [1, 2, 3, 4, 5]]
        assert batcher.waiting == 0


def test_one_dict_may_be_filled_with_one_question_after_the_other(gate: Any) -> None:
    with Batcher(gate) as batcher:
        gate.busy(batcher)
        feeds, futures = {}, []
        for i in (1, 2, 3):
            feeds["x"] = row(i)
            futures.append(batcher.submit(feeds))
        gate.open.set()
        assert [value(future) for future in futures] == [2, 4, 6]


def test_a_run_has_at_most_max_batch_rows_and_a_larger_request_runs_alone(gate: Any) -> None:
    with Batcher(gate, max_batch=3) as batcher:
        first = gate.busy(batcher)
        requests = [row(1), row(2, 3), row(4), row(5, 6, 7, 8), row(9), np.zeros((0, 1), np.float32)]
        futures = [batcher.submit(request) for request in requests]
        gate.open.set()
        for request, future in zip(requests, futures, strict=True):
            np.testing.assert_array_equal(future.result(SOON)["y"], 2 * request)
        assert value(first) == 0 and gate.runs == [[0], [1, 2, 3], [4], [5, 6, 7, 8], [9]]


def test_requests_of_different_shapes_are_not_joined(gate: Any) -> None:
    with Batcher(gate) as batcher:
        gate.busy(batcher)
        futures = [batcher.submit(row(i, columns=1 + i % 2)) for i in range(1, 5)]
        gate.open.set()
        assert [future.result(SOON)["y"].tolist() for future in futures] == [[[2, 2]], [[4]], [[6, 6]], [[8]]]
        assert gate.runs == [[0], [1, 3], [2, 4]]


def test_a_request_waits_for_company_until_the_batch_is_full(gate: Any) -> None:
    gate.open.set()
    with Batcher(gate, max_batch=2, max_delay_ms=60_000) as batcher:
        first = batcher.submit(row(1))
        time.sleep(0.05)  # it waits by now, and must be woken
        assert [value(batcher.submit(row(2))), value(first)] == [4, 2]
        assert gate.runs == [[1, 2]]


def test_a_request_waits_for_company_no_longer_than_the_delay(gate: Any) -> None:
    gate.open.set()
    with Batcher(gate, max_delay_ms=300) as batcher:
        began = time.monotonic()
        futures = [batcher.submit(row(i)) for i in (1, 2)]
        assert [value(future) for future in futures] == [2, 4]
        assert 0.3 <= time.monotonic() - began < SOON
        assert gate.runs == [[1, 2]]


def test_waiting_takes_no_processor_time(gate: Any) -> None:
    gate.open.set()
    with Batcher(gate, max_delay_ms=300) as batcher:
        batcher.submit(row(1))
        began = time.process_time()
        time.sleep(0.4)
        assert time.process_time() - began < 0.05
        assert gate.runs == [[1]]


def test_a_request_that_does_not_fit_fails_alone_and_at_once(gate: Any) -> None:
    with Batcher(gate) as batcher:
        gate.busy(batcher)
        good = batcher.submit(row(1))
        with pytest.raises(InputError, match=r"given float32\[1\], expected float32\[N,M\]"):
            batcher.submit(np.ones(1, np.float32))
        gate.open.set()
        assert value(good) == 2


def test_where_a_joined_run_fails_each_runs_alone(gate: Any) -> None:
    with Batcher(gate) as batcher:
        gate.busy(batcher)
        futures = [batcher.submit(row(i)) for i in (12, 13, 14)]
        gate.open.set()
        assert [value(futures[0]), value(futures[2])] == [24, 28]
        with pytest.raises(InputError, match="cannot run on 13"):
            futures[1].result(SOON)
        assert gate.runs == [[0], [12, 13, 14], [12], [13], [14]]


def test_inputs_must_have_as_many_rows_as_each_other(graph: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "sum.onnx"
    path.write_bytes(graph("(float[?,2] a, float[?,2] b) => (float[?,2] c) { c = Add(a, b) }"))
    ones = np.ones((2, 2), np.float32)
    with Batcher(load(path, threads=1)) as batcher:
        assert batcher({"a": ones, "b": ones})["c"].tolist() == [[2, 2], [2, 2]]
        with pytest.raises(InputError, match=r"number of rows: a: float32\[2,2\], b: float32\[1,2\]"):
            batcher({"a": ones, "b": ones[:1]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(float[1,3] x) => (float[1,3] y) { y = Neg(x) }", r"not x: float32\[1,3\] -> "),
        (
            "(float[N,3] x) => (float[3] y) <int64[1] axis = {0}> { y = ReduceSum<keepdims = 0>(x, axis) }",
            r"-> y: float32\[3\]",
        ),
        (
            "(float[a,b] x) => (float[c] y) { end = Constant<value_ints = [-1]>() y = Reshape(x, end) }",
            r"x: float32\[a,b\] -> y: float32\[c\]",
        ),
        ("(float x) => (float y) { y = Neg(x) }", r"x: float32\[\] -> y: float32\[\]"),
        ("() => (float[N] y) { y = Constant<value_floats = [1.0]>() }", "not no inputs -> "),
    ],
    ids=["fixed", "output", "another-name", "scalar", "no-inputs"],
)
def test_a_model_without_a_batch_is_refused(
    graph: Callable[..., bytes], tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(graph(text))
    with pytest.raises(UsageError, match=f"a Batcher needs one dynamic first dimension .*{message}"):
        Batcher(load(path, threads=1))


def test_a_model_whose_answers_do_not_follow_the_batch_is_found_out(gate: Any) -> None:
    gate.outputs = [Tensor.parse("y: float32[_,M]")]
    with Batcher(gate) as batcher:
        gate.busy(batcher)
        gate.answer = lambda x: x.sum(0)[None]
        futures = [batcher.submit(row(i)) for i in (1, 2)]
        gate.open.set()
        for future in futures:
            with pytest.raises(BundleError, match='output "y" has 1 rows for 2'):
                future.result(SOON)


@pytest.mark.parametrize(
    "said",
    [
        {"max_batch": 0}, {"max_batch": "8"}, {"max_batch": 1.5}, {"max_batch": True}, {"max_queue": 0},
        {"max_queue": None}, {"max_delay_ms": -1}, {"max_delay_ms": 1e999}, {"max_delay_ms": "x"},
        {"max_delay_ms": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_are_refused(gate: Any, said: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(said))} is "):
        Batcher(gate, **said)


@pytest.mark.parametrize("given", ["bundle", None, len], ids=repr)
def test_what_is_no_model_is_refused(given: Any) -> None:
    with pytest.raises(UsageError, match=r"a Batcher was given .* for a model") as caught:
        Batcher(given)
    assert caught.value.hint == "give it what edgekit.load returned"


@pytest.mark.parametrize("timeout", ["5", float("inf"), float("nan"), [1]], ids=repr)
def test_a_timeout_that_is_no_number_is_refused_before_it_queues(gate: Any, timeout: Any) -> None:
    with Batcher(gate) as batcher:
        for ask in (batcher, batcher.submit):
            with pytest.raises(UsageError, match=r"timeout is .*, not a number of seconds"):
                ask(row(1), timeout=timeout)
        assert batcher.waiting == 0
