from __future__ import annotations

import gc

import pytest

from edgekit.latency.settling import cost_of, settle, uncollected

MS = 1_000_000


class Clock:
    """Time that passes only when told to."""

    now = 0

    def __call__(self) -> int:
        return self.now


def test_a_warm_up_lasts_until_the_times_stop_falling() -> None:
    clock, calls = Clock(), []

    def warming() -> None:
        calls.append(1)
        clock.now += max(1 * MS, 30 * MS - len(calls) * MS)  # 30 calls until it is warm

    assert settle(warming, clock, limit=10_000 * MS, window=3 * MS) == (MS, True)
    assert 30 < len(calls) < 60


def test_what_takes_the_same_from_the_first_call_on_is_warm_after_three_windows() -> None:
    clock, calls = Clock(), []

    def steady() -> None:
        calls.append(1)
        clock.now += MS

    assert settle(steady, clock, limit=1000 * MS, window=3 * MS) == (MS, True)
    assert len(calls) == 15


def test_a_warm_up_ends_at_its_limit_and_says_so() -> None:
    clock = Clock()

    def ever_faster() -> None:
        clock.now += round(10 * MS / (1 + clock.now / 1e8))

    _, settled = settle(ever_faster, clock, limit=200 * MS, window=3 * MS)
    assert not settled
    assert 200 * MS <= clock.now < 215 * MS


def test_a_call_longer_than_the_limit_is_made_once() -> None:
    clock, calls = Clock(), []

    def slow() -> None:
        calls.append(1)
        clock.now += 1000 * MS

    assert settle(slow, clock, limit=10 * MS, window=3 * MS) == (1000 * MS, False)
    assert len(calls) == 1


@pytest.mark.parametrize("cost", [0, 40])
def test_the_cost_of_a_clock_is_what_a_reading_adds(cost: int) -> None:
    now = 0

    def clock() -> int:
        nonlocal now
        now += cost
        return now

    assert cost_of(clock) == cost


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_off_inside_and_put_back_as_it_was(was_on: bool) -> None:
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(RuntimeError), uncollected():
            assert not gc.isenabled()
            raise RuntimeError
        assert gc.isenabled() is was_on
    finally:
        gc.enable()
