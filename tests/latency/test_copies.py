from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from edgekit.latency.copies import MOST, Live, Opener, open_copies

MS, GB = 1_000_000, 1 << 30


class Machine:
    """A machine on which opening takes time and memory, and a call takes time."""

    def __init__(self, free: int | None = 16 * GB) -> None:
        self.now = 0
        self.free = free
        self.order: list[str] = []

    def clock(self) -> int:
        return self.now

    def opener(self, name: str, opening: int, call: int, size: int = 0, **more: Any) -> Opener:
        def opened() -> Callable[[], None]:
            self.now += opening
            self.order.append(name)
            if self.free is not None:
                self.free -= size
            return lambda: self._pass(call)

        return Opener(opened, **more)

    def _pass(self, ns: int) -> None:
        self.now += ns

    def open(self, subjects: dict[str, Any], seconds: float = 4.0, **more: Any) -> dict[str, Live]:
        ends = self.now + round(seconds * 1e9)
        draw, quiet = Random(0), {"lost": None, "tick": lambda: None} | more
        return open_copies(subjects, ends=ends, clock=self.clock, draw=draw, memory=lambda: self.free, **quiet)


def counts(live: dict[str, Live]) -> dict[str, int]:
    return {name: len(one.calls) for name, one in live.items()}


def test_what_opens_quickly_has_as_many_copies_as_there_may_be() -> None:
    machine = Machine()
    live = machine.open({"a": machine.opener("a", MS, MS // 100), "b": machine.opener("b", MS, MS // 100)})
    assert counts(live) == {"a": MOST, "b": MOST}


def test_opening_more_than_the_fewest_takes_a_third_of_the_time() -> None:
    machine = Machine()
    live = machine.open({"a": machine.opener("a", 50 * MS, MS), "b": machine.opener("b", 50 * MS, MS)})
    assert 9 < counts(live)["a"] == counts(live)["b"] < 15
    assert machine.now == pytest.approx(4e9 / 3, rel=0.15)


def test_slow_calls_have_no_more_copies_than_have_their_turns() -> None:
    machine = Machine()
    assert counts(machine.open({"a": machine.opener("a", MS, 100 * MS)})) == {"a": 5}


@pytest.mark.parametrize(
    ("opening", "seconds", "count"),
    [(100 * MS, 0.02, 5), (500 * MS, 0.02, 1), (500 * MS, 4.0, 5), (5000 * MS, 10.0, 1)],
    ids=["two seconds are spent", "no longer", "the time itself", "and no longer"],
)
def test_the_fewest_that_tell_anything_are_opened_or_one_alone(opening: int, seconds: float, count: int) -> None:
    machine = Machine()
    assert counts(machine.open({"a": machine.opener("a", opening, MS)}, seconds)) == {"a": count}


@pytest.mark.parametrize(
    ("free", "size", "count"),
    [(16 * GB, GB // 8, 32), (16 * GB, GB, 1), (16 * GB, 4 * GB // 5, 5), (None, GB, 5)],
    ids=["a quarter", "not even the fewest", "just the fewest", "unknown"],
)
def test_the_copies_take_a_quarter_of_the_free_memory(free: int | None, size: int, count: int) -> None:
    machine = Machine(free)
    subjects = {name: machine.opener(name, MS, MS // 100, size // 2) for name in "ab"}
    assert counts(machine.open(subjects)) == {"a": count, "b": count}


def test_a_subject_may_ask_for_fewer_and_a_plain_call_has_one() -> None:
    machine = Machine()
    dear = machine.opener("dear", MS, MS // 100, most=1)
    some = machine.opener("some", MS, MS // 100, most=7)
    subjects = {"dear": dear, "some": some, "plain": lambda: machine._pass(MS // 100)}
    assert counts(machine.open(subjects)) == {"dear": 1, "some": 7, "plain": 1}


def test_which_is_opened_first_is_drawn_anew_for_every_copy() -> None:
    machine = Machine()
    machine.open({name: machine.opener(name, MS, MS // 100) for name in "abc"})
    sets = ["".join(machine.order[at : at + 3]) for at in range(0, len(machine.order), 3)]
    assert all(sorted(one) == ["a", "b", "c"] for one in sets)
    assert len(set(sets)) == 6


def test_where_a_further_copy_fails_all_keep_as_many() -> None:
    machine = Machine()
    good, bad = machine.opener("good", MS, MS // 100), machine.opener("bad", MS, MS // 100)

    def fails_at_the_eighth() -> Any:
        if machine.order.count("bad") == 7:
            raise MemoryError
        return bad.open()

    assert counts(machine.open({"good": good, "bad": Opener(fails_at_the_eighth)})) == {"good": 7, "bad": 7}


def test_bursts_are_planned_by_the_fastest_that_was_seen() -> None:
    """Another program holds the first copies of one subject up while they are warmed up, and the last."""
    machine = Machine()
    slow = iter([50 * MS] * 12 + [MS] * 12 + [50 * MS] * 1000)

    def disturbed() -> Any:
        return lambda: machine._pass(next(slow))

    live = machine.open({"steady": machine.opener("steady", MS, MS), "disturbed": Opener(disturbed)})
    assert live["disturbed"].typical_ns == live["steady"].typical_ns == MS
    assert live["disturbed"].burst == live["steady"].burst


@pytest.mark.parametrize(
    ("typical", "burst"),
    [(10_000, (4, 150)), (1_000, (4, 1000)), (MS, (4, 10)), (4 * MS, (4, 5)), (8 * MS, (2, 2)), (30 * MS, (0, 1))],
    ids=["short", "very short", "ten at least", "as many as fit", "few", "one"],
)
def test_a_burst_is_as_long_as_its_calls_allow(typical: int, burst: tuple[int, int]) -> None:
    assert Live(typical_ns=typical).burst == burst


def test_what_cannot_be_opened_is_named_or_raised() -> None:
    def fails() -> Any:
        raise RuntimeError("no device")

    machine, lost = Machine(), []
    subjects = {"bad": Opener(fails), "good": machine.opener("good", MS, MS // 100, most=1)}
    live = machine.open(subjects, lost=lambda name, error: lost.append((name, str(error))))
    assert counts(live) == {"good": 1}
    assert lost == [("bad", "no device")]
    with pytest.raises(RuntimeError, match="no device"):
        machine.open(subjects)
