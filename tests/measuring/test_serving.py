import threading
import time

import pytest

from edgekit.measuring.serving import Pool


class Meeting:
    """A call that returns when so many run at once."""

    def __init__(self, size):
        self.barrier = threading.Barrier(size, timeout=5)

    def __call__(self):
        self.barrier.wait()


def test_a_pool_answers_as_many_at_once_as_it_has_workers():
    pool = Pool(Meeting(3), 3, time.perf_counter_ns)
    answered = []
    for _ in range(6):
        pool.submit(answered.append)
    pool.drain()
    pool.close()
    assert len(answered) == 6


def test_what_is_answered_is_told_with_its_time_and_in_order():
    clock = iter(range(100))
    pool = Pool(lambda: None, 1, lambda: next(clock))
    answered = []
    for number in range(5):
        pool.submit(lambda when, number=number: answered.append((number, when)))
    pool.drain()
    pool.close()
    assert answered == [(number, number) for number in range(5)]


def test_submitting_does_not_wait_for_answers():
    gate = threading.Event()
    pool = Pool(lambda: gate.wait(5), 1, time.perf_counter_ns)
    answered = []
    for _ in range(50):
        pool.submit(answered.append)
    assert answered == []
    gate.set()
    pool.drain()
    pool.close()
    assert len(answered) == 50


def test_what_a_call_raises_is_raised_by_whoever_waits():
    def fail():
        raise ValueError("no")

    pool = Pool(fail, 1, time.perf_counter_ns)
    pool.submit(lambda when: None)
    with pytest.raises(ValueError, match="no"):
        pool.drain()
    pool.close()
