import functools
import gc
import random

import numpy as np
import pytest

from edgekit.latency import comparison
from edgekit.latency.copies import Opener
from edgekit.latency.sampling import interleave

US, MS = 1_000, 1_000_000


class Clock:
    """Time that passes only when told to; a reading costs `cost` ns."""

    def __init__(self, cost=0):
        self.now = 0
        self.cost = cost

    def __call__(self):
        self.now += self.cost
        return self.now

    def takes(self, ns):
        """Make a callable that takes `ns`, or as much as ns() says."""

        def call():
            self.now += ns() if callable(ns) else ns

        return call


def test_every_time_is_exactly_what_the_callable_takes():
    clock = Clock()
    found = interleave({"slow": clock.takes(2 * MS), "fast": clock.takes(1 * MS)}, seconds=1, clock=clock)
    assert set(found["slow"].times_ns) == {2 * MS}
    assert set(found["fast"].times_ns) == {1 * MS}
    assert found["slow"].times_ns.dtype == np.int64 and found["slow"].rounds.dtype == np.int32


def test_the_clocks_own_cost_is_taken_off():
    clock = Clock(cost=40)
    found = interleave({"call": clock.takes(300)}, seconds=0.2, clock=clock)
    assert set(found["call"].times_ns) == {300}


def test_what_costs_less_than_the_clock_takes_no_time_and_not_less():
    clock = Clock(cost=0)
    costs = random.Random(0)

    def unsteady():
        clock.now += costs.choice([40, 60])
        return clock.now

    found = interleave({"nothing": lambda: None}, seconds=0.01, clock=unsteady)
    assert found["nothing"].times_ns.min() == 0


def test_twice_the_time_is_half_the_speed():
    clock = Clock()
    found = interleave({"a": clock.takes(1 * MS), "b": clock.takes(2 * MS)}, seconds=1, clock=clock)
    speed = comparison.speedup(found["a"], found["b"])
    assert speed == {"ratio": 2, "low": 2, "high": 2}
    assert comparison.verdict(speed) == "faster"


def test_a_drift_common_to_both_does_not_fool_the_ratio():
    clock = Clock()

    def drifting(base):
        return clock.takes(lambda: round(base * (1 + clock.now / 1e9)))  # half as fast again with every second

    found = interleave({"a": drifting(1 * MS), "b": drifting(2 * MS)}, seconds=4, clock=clock)
    assert found["a"].times_ns.max() > 3 * found["a"].times_ns.min()
    speed = comparison.speedup(found["a"], found["b"])
    assert speed["ratio"] == pytest.approx(2, rel=0.02)
    assert speed["low"] > 1.95 and speed["high"] < 2.05


def test_a_busy_machine_slows_both_and_leaves_the_ratio():
    clock, rng = Clock(), random.Random(3)

    def disturbed(base):
        # Every other tenth of a second, something else takes half of the machine.
        return clock.takes(lambda: round(base * (2 if clock.now // (100 * MS) % 2 else 1) * rng.uniform(1, 1.1)))

    found = interleave({"a": disturbed(100 * US), "b": disturbed(105 * US)}, seconds=3, clock=clock)
    speed = comparison.speedup(found["a"], found["b"])
    assert speed["ratio"] == pytest.approx(1.05, abs=0.01)
    assert comparison.verdict(speed) == "faster"


def test_the_same_callable_twice_shows_no_clear_difference():
    claimed = 0
    for seed in range(60):
        clock, rng = Clock(), random.Random(seed)
        noisy = clock.takes(lambda rng=rng: round(50 * US * rng.lognormvariate(0, 0.2)))
        found = interleave({"a": noisy, "b": noisy}, seconds=0.2, seed=seed, clock=clock)
        claimed += comparison.verdict(comparison.speedup(found["a"], found["b"])) != "no clear difference"
    assert claimed <= 3


def test_measuring_goes_on_until_time_and_count_are_both_reached():
    clock = Clock()
    long = interleave({"call": clock.takes(50 * MS)}, seconds=0.1, min_samples=64, clock=clock)
    assert len(long["call"]) == 64
    clock = Clock()
    interleave({"call": clock.takes(1 * MS)}, seconds=7, min_samples=64, clock=clock)
    assert 7e9 <= clock.now < 7.1e9


def test_the_slowest_callable_decides_how_many_rounds_there_are():
    clock = Clock()
    found = interleave({"slow": clock.takes(20 * MS), "fast": clock.takes(30 * US)}, seconds=0.01, clock=clock)
    assert len(found["slow"]) == 64
    assert len(np.unique(found["fast"].rounds)) == 64 and len(found["fast"]) == 3200


def test_even_the_shortest_measurement_has_rounds_to_tell_an_interval_by():
    clock = Clock()
    found = interleave({"call": clock.takes(10 * US)}, seconds=0.001, clock=clock)
    assert len(np.unique(found["call"].rounds)) == 20


def test_p90_is_absent_below_64_samples():
    clock = Clock()
    found = interleave({"call": clock.takes(100 * MS)}, seconds=0.1, min_samples=30, clock=clock)["call"]
    assert len(found) == 30
    assert found.percentile(90) is None and found.summary()["p90_us"] is None
    assert found.summary()["p50_us"] == 100_000


def test_the_order_is_drawn_anew_for_every_round_and_follows_the_seed():
    def order(seed):
        clock, seen = Clock(), []

        def call(name):
            def run():
                seen.append(name)
                clock.now += 30 * MS

            return run

        interleave({name: call(name) for name in "abc"}, seconds=0.01, min_samples=50, seed=seed, clock=clock)
        rounds = ["".join(seen[at : at + 3]) for at in range(len(seen) - 150, len(seen), 3)]
        assert all(sorted(one) == ["a", "b", "c"] for one in rounds)
        return rounds

    assert len(set(order(0))) == 6
    assert order(1) == order(1) != order(0)


def test_the_warm_up_of_a_slow_callable_is_bounded():
    clock = Clock()
    interleave({"call": clock.takes(1000 * MS)}, seconds=1, min_samples=1, clock=clock)
    assert clock.now == (1 + 1 + 20) * 1e9, "the first call, the warm-up, the rounds"


def test_the_first_call_of_a_burst_is_not_timed():
    clock, last = Clock(), []

    def cold_after_the_other(name):
        def call():
            clock.now += (10 if last == [name] else 90) * US
            last[:] = [name]

        return call

    found = interleave({name: cold_after_the_other(name) for name in "ab"}, seconds=0.1, clock=clock)
    assert set(found["a"].times_ns) == {10 * US}


def test_no_garbage_is_collected_while_a_callable_is_timed():
    clock, seen = Clock(), set()

    def call():
        seen.add(gc.isenabled())
        clock.now += MS

    assert gc.isenabled()
    interleave({"call": call}, seconds=0.01, clock=clock)
    assert seen == {False} and gc.isenabled()


def test_the_collector_is_put_back_where_a_callable_fails():
    def fails():
        raise RuntimeError("no device")

    with pytest.raises(RuntimeError, match="no device"):
        interleave({"call": fails}, clock=Clock())
    assert gc.isenabled()


def test_the_first_call_is_kept_apart():
    clock, calls = Clock(cost=40), []

    def cold_once():
        calls.append(1)
        clock.now += 70 * MS if len(calls) == 1 else MS

    found = interleave({"call": cold_once}, seconds=0.5, clock=clock)["call"]
    assert found.first_ns == 70 * MS and set(found.times_ns) == {MS}


def test_what_never_settles_is_measured_all_the_same_and_marked():
    clock = Clock()
    quicker_and_quicker = clock.takes(lambda: round(10 * MS / (1 + 4 * clock.now / 1e9)))
    found = interleave({"call": quicker_and_quicker}, seconds=1, clock=clock)["call"]
    assert not found.settled and len(found) >= 64


def test_all_of_a_round_is_of_one_copy_and_every_copy_has_its_turns():
    clock, opened = Clock(), []

    def open_one(name, ns):
        opened.append(name)
        return clock.takes(ns + opened.count(name))  # each copy is known by its time

    times = {"a": MS, "b": 2 * MS}
    subjects = {name: Opener(functools.partial(open_one, name, ns), most=6) for name, ns in times.items()}
    found = interleave(subjects, seconds=2, clock=clock, memory=lambda: 1 << 40)
    for name, ns in times.items():
        assert (found[name].times_ns - ns - 1 == found[name].copies).all()
    mine, theirs = found["a"].by_round(), found["b"].by_round()
    assert (mine.copies == theirs.copies).all(), "copy i is timed beside copy i"
    laps = mine.copies[: len(mine.copies) // 6 * 6].reshape(-1, 6)
    assert all(sorted(lap) == list(range(6)) for lap in laps.tolist()) and len(np.unique(laps, axis=0)) > 5


def test_a_plain_call_beside_copies_is_called_in_every_round():
    clock = Clock()
    subjects = {"copies": Opener(lambda: clock.takes(MS), most=5), "plain": clock.takes(MS)}
    found = interleave(subjects, seconds=1, clock=clock)
    assert set(found["copies"].copies) == set(range(5)) and set(found["plain"].copies) == {0}
    assert found["plain"].by_round().numbers.tolist() == found["copies"].by_round().numbers.tolist()


def test_the_seconds_left_are_told_and_run_out():
    clock, told = Clock(), []
    interleave({"call": clock.takes(MS)}, seconds=2, clock=clock, progress=told.append)
    assert 10 <= len(told) <= 21 and told == sorted(told, reverse=True) and told[0] > 1.8 and told[-1] < 0.2


def test_where_the_count_takes_longer_than_the_time_that_is_told():
    clock, told = Clock(), []
    interleave({"call": clock.takes(100 * MS)}, seconds=0.1, min_samples=100, clock=clock, progress=told.append)
    assert told[len(told) // 2] == pytest.approx(5, abs=0.3)


def test_what_fails_midway_is_left_out_and_its_times_are_kept():
    clock, calls, lost = Clock(), [], {}

    def fails_later():
        calls.append(1)
        if len(calls) > 800:
            raise RuntimeError("device lost")
        clock.now += MS

    subjects = {"good": clock.takes(MS), "lost": fails_later}
    found = interleave(subjects, seconds=4, clock=clock, lost=lambda name, error: lost.update({name: error}))
    assert str(lost["lost"]) == "device lost" and list(lost) == ["lost"]
    assert 400 < len(found["lost"]) < 800 and len(found["good"]) > 1000
    assert comparison.speedup(found["good"], found["lost"])["ratio"] == 1


def test_what_fails_at_once_has_no_times_and_spoils_nothing():
    def fails():
        raise RuntimeError("no device")

    clock, lost = Clock(), []
    subjects = {"bad": fails, "bad opener": Opener(fails), "good": clock.takes(MS)}
    found = interleave(subjects, seconds=1, clock=clock, lost=lambda name, error: lost.append(name))
    assert list(found) == ["good"] and sorted(lost) == ["bad", "bad opener"]


def test_nothing_to_time_gives_nothing():
    assert interleave({}, seconds=0.001) == {}


def test_a_real_clock_and_a_real_callable_give_times_above_nothing():
    found = interleave({"sum": lambda: sum(range(1000))}, seconds=0.05)["sum"]
    assert len(found) >= 64 and 0.5 < found.p50 < 5000
