import pytest

from edgekit.latency.scenarios import offline

US = 1000


class Clock:
    now = 0

    def __call__(self):
        return self.now


def timed(cost, most=1024, seconds=1.0, runs=1):
    """Measure batches of which one of `b` takes cost(b) ns."""
    clock = Clock()

    def at(batch):
        def call():
            clock.now += cost(batch)

        return call

    return offline.measure(at, seconds=seconds, most=most, runs=runs, clock=clock)


def test_the_throughput_of_every_batch_is_exact():
    found = timed(lambda batch: (10 + batch) * US, most=8)
    assert [one.batch for one in found] == [1, 2, 4, 8]
    assert [one.per_second for one in found] == pytest.approx([b * 1e6 / (10 + b) for b in (1, 2, 4, 8)])
    assert all(one.low == one.high == one.per_second for one in found)


def test_larger_batches_are_left_out_where_they_gain_nothing():
    found = timed(lambda batch: batch * 100 * US)
    assert [one.batch for one in found] == [1, 2, 4]
    assert offline.best(found).batch == 1


def test_larger_batches_are_left_out_where_a_run_takes_long():
    found = timed(lambda batch: (50_000 + batch) * US)
    assert [one.batch for one in found] == [1]


def test_the_best_batch_is_the_smallest_that_none_is_clearly_better_than():
    found = timed(lambda batch: (100 + 10 * batch) * US if batch < 16 else round((16.2 - batch / 1e3) * batch * US))
    assert found[-1].per_second > found[4].per_second
    assert {one.batch: round(one.per_second) for one in found}[8] == 44444
    assert found[-1].batch > 16 and offline.best(found).batch == 16


def test_a_call_may_answer_several_batches():
    found = timed(lambda batch: 4 * batch * US, most=2, runs=4)
    assert [one.per_second for one in found] == pytest.approx([1e6, 1e6])


def test_what_is_told_holds_every_time():
    told = timed(lambda batch: 10 * US, most=2)[1].told()
    assert told["batch"] == 2 and told["samples_per_second"] == 200_000 and set(told["times_ns"]) == {10 * US}
    assert told["n"] == len(told["times_ns"])
