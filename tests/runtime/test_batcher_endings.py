"""How requests to a Batcher end: answered, refused, too late, taken back, or with the batcher itself."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import pytest

from edgekit.errors import BusyError, DeadlineError, InputError, UsageError
from edgekit.runtime.batcher import Batcher

SOON = 5.0  # seconds; what takes longer hangs


def row(*values: float, columns: int = 1) -> np.ndarray:
    """One row for each value."""
    return np.array([[value] * columns for value in values], np.float32)


def value(future: Any) -> float:
    """The answer's first value."""
    return float(future.result(SOON)["y"][0, 0])


def test_a_full_queue_refuses_and_a_cancelled_request_gives_its_place_back(gate: Any) -> None:
    with Batcher(gate, max_queue=2) as batcher:
        gate.busy(batcher)
        waiting = [batcher.submit(row(i)) for i in (1, 2)]
        with pytest.raises(BusyError, match="2 requests are waiting already"):
            batcher(row(3))
        assert waiting[0].cancel() and waiting[0].cancel()
        last = batcher.submit(row(4))
        gate.open.set()
        assert [value(waiting[1]), value(last)] == [4, 8]
        assert gate.runs == [[0], [2, 4]]


def test_a_request_not_begun_by_its_deadline_is_not_run(gate: Any) -> None:
    with Batcher(gate) as batcher:
        first = gate.busy(batcher)
        late, patient = batcher.submit(row(1), timeout=0.01), batcher.submit(row(2), timeout=60)
        time.sleep(0.02)
        gate.open.set()
        assert [value(first), value(patient)] == [0, 4]
        with pytest.raises(DeadlineError, match=r"no answer within 0\.01 s"):
            late.result(SOON)
        assert gate.runs == [[0], [2]]


def test_a_caller_waits_no_longer_than_its_deadline(gate: Any) -> None:
    with Batcher(gate) as batcher:
        with pytest.raises(TimeoutError, match=r"no answer within 0\.3 s"):  # while its own run is under way
            batcher(row(1), timeout=0.3)
        assert gate.begun.is_set()
        with pytest.raises(DeadlineError):  # while it waits
            batcher(row(2), timeout=0.02)
        assert batcher.waiting == 0
        gate.open.set()


def test_a_deadline_before_the_delay_is_met(gate: Any) -> None:
    gate.open.set()
    with Batcher(gate, max_delay_ms=60_000) as batcher:
        assert batcher(row(1), timeout=0.4)["y"] == 2


def test_closing_answers_what_waits_and_refuses_what_comes(gate: Any) -> None:
    batcher = Batcher(gate, max_delay_ms=60_000, max_batch=2)
    futures = [batcher.submit(row(i)) for i in range(5)]
    threading.Timer(0.05, gate.open.set).start()
    batcher.close()
    assert [future.done() for future in futures] == [True] * 5
    assert [value(future) for future in futures] == [0, 2, 4, 6, 8]
    with pytest.raises(UsageError, match="the batcher is closed") as caught:  # to ask again later is of no use
        batcher(row(1))
    assert caught.value.hint == "make another: this one takes no requests any more"
    batcher.close()


def test_a_batcher_that_was_never_used_closes_too_and_may_be_closed_by_an_answer(gate: Any) -> None:
    Batcher(gate).close()
    batcher = Batcher(gate)
    closed: list[None] = []
    batcher.submit(row(1)).add_done_callback(lambda _: closed.append(batcher.close()))
    gate.open.set()
    batcher.close()
    assert closed == [None]


def test_tasks_of_asyncio_are_joined_and_deadlines_and_cancellation_are_theirs(gate: Any) -> None:
    async def main(batcher: Batcher) -> None:
        first = asyncio.create_task(batcher.ask(row(0)))
        while not gate.begun.is_set():
            await asyncio.sleep(0.001)
        tasks = [asyncio.create_task(batcher.ask(row(i))) for i in range(1, 5)]
        with pytest.raises(DeadlineError):
            await batcher.ask(row(5), timeout=0.02)
        with pytest.raises(InputError):
            await batcher.ask(row(6)[0])
        tasks[1].cancel()
        await asyncio.sleep(0.001)
        assert batcher.waiting == 3
        gate.open.set()
        answers = await asyncio.gather(first, *tasks, return_exceptions=True)
        assert isinstance(answers.pop(2), asyncio.CancelledError)
        assert [answer["y"][0, 0] for answer in answers] == [0, 2, 6, 8]  # type: ignore[index, call-overload]

    with Batcher(gate) as batcher:
        asyncio.run(main(batcher))
        assert gate.runs == [[0], [1, 3, 4]]


def test_a_batcher_that_is_dropped_answers_what_it_was_asked_and_its_thread_ends(gate: Any) -> None:
    batcher = Batcher(gate)
    gate.busy(batcher)
    future, worker, dropped = batcher.submit(row(1)), batcher._worker, weakref.ref(batcher)
    del batcher
    assert dropped() is None
    gate.open.set()
    assert value(future) == 2
    worker.join()


def test_nothing_is_kept_of_what_was_asked_and_answered(gate: Any) -> None:
    gate.open.set()
    gc.disable()
    try:
        with Batcher(gate) as batcher:
            question = row(1)
            future = batcher.submit(question)
            answer = future.result(SOON)["y"]
            asked, told = weakref.ref(question), weakref.ref(answer)
            batcher(row(2))  # the worker has moved on
            del question
            assert asked() is None
            del answer, future
            assert told() is None
    finally:
        gc.enable()


def test_an_answer_does_not_hold_those_of_others(gate: Any) -> None:
    with Batcher(gate) as batcher:
        gate.busy(batcher)
        futures = [batcher.submit(row(i)) for i in (1, 2)]
        gate.open.set()
        assert [future.result(SOON)["y"].base for future in futures] == [None, None]


def test_a_waiting_future_that_is_cancelled_tells_its_waiter(gate: Any) -> None:
    with Batcher(gate) as batcher:
        gate.busy(batcher)
        future = batcher.submit(row(1))
        threading.Timer(0.02, future.cancel).start()
        with pytest.raises(CancelledError):
            future.result(SOON)
        gate.open.set()
