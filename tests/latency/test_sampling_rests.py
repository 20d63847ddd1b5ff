"""Rests between the bursts of `interleave`: threads of one subject may keep cores busy when the next is called."""

from edgekit.latency.sampling import interleave

MS = 1_000_000


class Clock:
    now = 0

    def __call__(self):
        return self.now


def test_what_still_spins_after_its_burst_is_waited_for():
    clock, spun_by = Clock(), {}

    def spinning(name):
        def call():
            others = [until for other, until in spun_by.items() if other != name]
            clock.now += 2 * MS if any(clock.now < until for until in others) else MS
            spun_by[name] = clock.now + 30 * MS

        return call

    def rest():
        clock.now += 35 * MS

    calls = {"a": spinning("a"), "b": spinning("b")}
    disturbed = interleave(calls, seconds=1, clock=clock)
    rested = interleave(calls, seconds=2, clock=clock, rest=rest)
    assert disturbed["a"].times_ns.max() == disturbed["b"].times_ns.max() == 2 * MS
    assert set(rested["a"].times_ns) == set(rested["b"].times_ns) == {MS}
