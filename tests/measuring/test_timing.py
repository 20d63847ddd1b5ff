from edgekit.latency import comparison
from edgekit.measuring.timing import time_models


class Clock:
    now = 0

    def __call__(self):
        return self.now


class FakeSession:
    """A session that takes exactly so many ns."""

    def __init__(self, clock, ns):
        self.clock = clock
        self.ns = ns
        self.seen = []

    def run(self, feeds):
        self.seen.append(feeds)
        self.clock.now += self.ns
        return {}


def test_sessions_are_timed_side_by_side_each_on_its_own_feeds():
    clock = Clock()
    sessions = {"slow": FakeSession(clock, 2_000_000), "fast": FakeSession(clock, 1_000_000)}
    feeds = {"slow": {"x": 1}, "fast": {"y": 2}}
    taken = time_models(sessions, feeds, seconds=0.5, clock=clock)
    assert {name: samples.p50 for name, samples in taken.items()} == {"slow": 2000, "fast": 1000}
    assert comparison.speedup(taken["fast"], taken["slow"])["ratio"] == 2
    assert sessions["slow"].seen[0] is feeds["slow"] and sessions["fast"].seen[0] is feeds["fast"]


def test_the_count_that_is_asked_for_is_reached():
    clock = Clock()
    taken = time_models(
        {"only": FakeSession(clock, 10_000_000)}, {"only": {}}, seconds=0.01, min_samples=130, clock=clock
    )
    assert len(taken["only"]) == 130
