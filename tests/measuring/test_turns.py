import numpy as np
import pytest

from edgekit.latency import comparison
from edgekit.measuring.turns import Turns
from edgekit.runtime.tuned import Tuned

FAST, SLOW = Tuned(said="fast"), Tuned(said="slow")
MS = 1_000_000


class Bench:
    """Sessions that take exactly what their setting says, on a clock that steps; opening one takes 50 ms."""

    def __init__(self, takes):
        self.takes = takes
        self.now = 0
        self.open_now = self.most = 0
        self.opened = []

    def __call__(self):
        return self.now

    def open(self, setting):
        bench, takes = self, self.takes[setting.said]
        self.now += 50 * MS
        self.opened.append(setting.said)
        self.open_now += 1
        self.most = max(self.most, self.open_now)

        class Session:
            def run(self, feeds):
                bench.now += takes(bench.now) if callable(takes) else takes
                return feeds

            def close(self):
                bench.open_now -= 1

        return Session()


def turns(bench, **kinds):
    return Turns(bench.open, {"x": 1}, clock=bench, **kinds)


def test_times_are_exact_and_one_session_lives_at_a_time():
    bench = Bench({"fast": 1 * MS, "slow": 3 * MS})
    found = turns(bench)({"fast": FAST, "slow": SLOW}, 5, 3)
    assert set(found["fast"].times_ns) == {1 * MS} and set(found["slow"].times_ns) == {3 * MS}
    assert comparison.speedup(found["fast"], found["slow"])["ratio"] == pytest.approx(3)
    assert bench.most == 1 and bench.open_now == 0


def test_every_round_opens_each_anew_in_a_drawn_order():
    bench = Bench({"fast": 1 * MS, "slow": 3 * MS})
    found = turns(bench)({"fast": FAST, "slow": SLOW}, 5, 3)
    rounds = len(bench.opened) // 2
    pairs = [bench.opened[2 * place : 2 * place + 2] for place in range(rounds)]
    assert all(sorted(pair) == ["fast", "slow"] for pair in pairs)
    assert ["fast", "slow"] in pairs and ["slow", "fast"] in pairs
    assert np.array_equal(np.unique(found["fast"].copies), np.arange(rounds))


def test_a_drift_of_the_machine_does_not_fool_the_ratio():
    bench = Bench(
        {name: lambda now, base=base: round(base * (1 + now / 20e9)) for name, base in (("fast", MS), ("slow", 3 * MS))}
    )
    found = turns(bench)({"fast": FAST, "slow": SLOW}, 20, 3)
    assert comparison.speedup(found["fast"], found["slow"])["ratio"] == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize(("seconds", "rounds"), [(5, 3), (0.01, 3), (2, 1)])
def test_the_time_is_kept_and_so_many_rounds_are_taken(seconds, rounds):
    bench = Bench({"fast": 1 * MS, "slow": 3 * MS})
    told = []
    taken = turns(bench, progress=told.append)({"fast": FAST, "slow": SLOW}, seconds, rounds)
    assert len(np.unique(taken["fast"].rounds)) == len(told) >= rounds
    if len(told) > rounds:
        assert bench.now / 1e9 == pytest.approx(seconds, abs=0.35)
    assert told == sorted(told) and told[-1] <= bench.now / 1e9


def test_the_cost_of_a_turn_contains_its_opening():
    bench = Bench({"fast": 1 * MS})
    assert 0.1 < turns(bench).cost(FAST) < 0.3


def test_a_session_that_fails_is_closed_all_the_same():
    def fail(now):
        raise RuntimeError("no")

    bench = Bench({"fast": fail})
    with pytest.raises(RuntimeError):
        turns(bench)({"fast": FAST}, 1, 1)
    assert bench.open_now == 0
