import ctypes
import sys
import time

import pytest

from edgekit.measuring.waiting import punctual, wait_until


def test_it_returns_at_the_moment_or_after_it():
    at = time.perf_counter_ns() + 2_000_000
    wait_until(at)
    assert time.perf_counter_ns() >= at


def test_what_is_past_is_not_waited_for():
    began = time.perf_counter_ns()
    wait_until(began - 1_000_000_000)
    assert time.perf_counter_ns() - began < 500_000_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has it")
def test_a_thread_is_punctual_for_a_while_and_then_as_before():
    slack = lambda: ctypes.CDLL(None).prctl(30, 0, 0, 0, 0)  # noqa: E731
    before = slack()
    with pytest.raises(KeyError), punctual():
        assert slack() == 1
        raise KeyError
    assert slack() == before
