import itertools

import numpy as np
import pytest

from edgekit.latency.scenarios import server
from edgekit.latency.scenarios.early_stopping import allowed
from edgekit.latency.scenarios.server import Offered, arrivals, highest, offer, queries

MS = 1_000_000


class Clock:
    """Time that passes only while somebody waits."""

    now = 0

    def __call__(self):
        return self.now

    def wait_until(self, at):
        self.now = max(self.now, at)


class Server:
    """Answers one query after the other, each in exactly `takes` ns; issuing one costs `costs` ns."""

    def __init__(self, clock, takes, costs=0):
        self.clock, self.takes, self.costs = clock, takes, costs
        self.free = 0
        self.began = []

    def submit(self, done):
        self.clock.now += self.costs
        self.began.append(max(self.clock.now, self.free))
        self.free = self.began[-1] + self.takes
        done(self.free)

    def drain(self):
        self.clock.now = max(self.clock.now, self.free)


def offered(rate, n, takes, bound_ms=10.0, seed=0, **kinds):
    clock = Clock()
    fake = Server(clock, takes, **kinds)
    return offer(fake, rate, n, round(bound_ms * MS), seed=seed, clock=clock, wait_until=clock.wait_until)


def test_the_arrivals_are_a_poisson_process_of_the_rate_and_the_same_again():
    times = arrivals(1000, 20_000, seed=3)
    gaps = np.diff(times)
    assert np.array_equal(times, arrivals(1000, 20_000, seed=3))
    assert not np.array_equal(times, arrivals(1000, 20_000, seed=4))
    assert gaps.mean() == pytest.approx(1 * MS, rel=0.03) and gaps.std() == pytest.approx(1 * MS, rel=0.03)
    counts = np.bincount(times // (10 * MS))  # in windows of 10 ms: mean and variance are 10
    assert counts[:-1].mean() == pytest.approx(10, rel=0.05) and counts[:-1].var() == pytest.approx(10, rel=0.1)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.8, 0.95])
def test_the_latencies_are_exactly_those_of_one_server_and_one_queue(load):
    takes = 2 * MS
    rate = load * 1e9 / takes
    got = offered(rate, 3000, takes, bound_ms=1e6)
    end, expected = 0, []  # Lindley's recursion
    for at in arrivals(rate, 3000, seed=0).tolist():
        end = max(at, end) + takes
        expected.append(end - at)
    assert got.latencies_ns.tolist() == expected


def test_the_mean_wait_is_that_of_the_m_d_1_queue():
    takes, load = 1 * MS, 0.7
    got = offered(load * 1000, 200_000, takes, bound_ms=1e6)
    wait = got.latencies_ns.mean() - takes
    assert wait == pytest.approx(load / (2 * (1 - load)) * takes, rel=0.05)  # Pollaczek and Khinchine


def test_an_issuer_that_falls_behind_hides_nothing():
    on_time = offered(500, 2000, 0, bound_ms=1e6)
    late = offered(500, 2000, 0, bound_ms=1e6, costs=3 * MS)  # it can issue 333 a second
    assert on_time.late_ns == 0 and set(on_time.latencies_ns) == {0}
    assert late.late_ns > 1000 * MS and late.latencies_ns.max() == late.late_ns + 3 * MS


def test_a_rate_holds_with_as_many_overruns_as_are_allowed_and_no_more():
    got = offered(400, 2010, 2 * MS, bound_ms=1e6)
    slowest = np.sort(got.latencies_ns)[::-1]
    assert allowed(2010) == 10
    for overruns, held in ((10, True), (11, False)):
        bound = (slowest[overruns - 1] + slowest[overruns]) / 2 / MS
        again = offered(400, 2010, 2 * MS, bound_ms=bound)
        assert (again.held, again.overruns >= overruns) == (held, True)


@pytest.mark.parametrize(("slow", "held"), [(1, True), (2, False)])
def test_overruns_at_the_very_end_count_too(slow, held):
    clock = Clock()

    class Tired(Server):
        def submit(self, done):
            super().submit(lambda when: done(when + 50 * MS * (len(self.began) > 662 - slow)))

    got = offer(Tired(clock, 0), 1000, 662, 10 * MS, seed=0, clock=clock, wait_until=clock.wait_until)
    assert (got.overruns, got.held) == (slow, held)


def test_a_hopeless_rate_is_given_up_early():
    got = offered(5000, 20_000, 1 * MS, bound_ms=5)
    assert not got.held and len(got.latencies_ns) < 200


def test_a_server_that_does_not_answer_is_given_up_too():
    clock = Clock()

    class Silent:
        def __init__(self):
            self.taken = []

        def submit(self, done):
            self.taken.append(done)

        def drain(self):
            for done in self.taken:
                done(clock.now)

    got = offer(Silent(), 1000, 20_000, 5 * MS, seed=0, clock=clock, wait_until=clock.wait_until)
    assert not got.held and len(got.latencies_ns) < 400


@pytest.mark.parametrize(("takes_us", "bound_ms"), [(1000, 10), (100, 2), (1000, 2.5)])
def test_the_rate_that_is_found_is_that_of_the_queue(takes_us, bound_ms):
    takes = takes_us * 1000

    def at(rate, number):
        return offered(rate, 20_000, takes, bound_ms, seed=number)

    found, tried = highest(at, first=1e9 / takes / 2, in_time=lambda rate: True)
    # The exact 99th percentile by simulation of the queue alone, long enough for its noise not to matter.
    rate = found.rate

    def p99(rate):
        end, waits = 0.0, []
        for at in np.cumsum(np.random.default_rng(9).exponential(1e9 / rate, 300_000)):
            end = max(at, end) + takes
            waits.append(end - at)
        return np.percentile(waits, 99)

    assert found.held and p99(rate * 0.97) < bound_ms * MS < p99(rate * 1.15)
    assert tried[-1] is found


def test_a_rate_must_hold_twice():
    lucky = iter([True, False, True, False, *[False] * 50])
    seen = []

    def at(rate, number):
        seen.append((rate, number))
        return Offered(rate, np.zeros(662, np.int64), 0, 0, next(lucky))

    found, tried = highest(at, first=100, in_time=lambda rate: len(seen) < 40)
    assert found is None and [number for _, number in seen] == list(range(len(tried))) and len(tried) == 40


def test_where_no_rate_holds_twice_lower_ones_are_tried():
    held_once = iter([True])
    found, tried = highest(
        lambda rate, _: Offered(rate, np.zeros(662, np.int64), 0, 0, rate < 80 or next(held_once, False)),
        first=100,
        in_time=lambda rate: True,
    )
    assert found.rate == 64 and [each.rate for each in tried if each.rate <= 80] == [80, 64, 64]


def test_the_search_ends_with_its_time_and_says_that_nothing_was_found():
    left = itertools.count(5, -1)
    found, tried = highest(
        lambda rate, number: Offered(rate, np.zeros(662, np.int64), 0, 99, False), 100, lambda rate: next(left) > 0
    )
    assert found is None and [each.rate for each in tried] == [100, 50, 25, 12.5, 6.25]


def test_there_are_enough_queries_for_the_99th_percentile():
    assert [queries(rate, 1) for rate in (10, 5000, 1e6)] == [662, 5000, server.MOST]
    assert allowed(queries(0.1, 0)) == 1


def test_what_is_told_holds_every_latency_and_no_percentile_of_few():
    few = offered(100, 10, MS).told()
    assert few["p99_us"] is None and few["p50_us"] == 1000 and len(few["times_ns"]) == few["n"] == 10
    assert offered(100, 662, MS).told()["p99_us"] >= 1000
