import threading

from edgekit.latency.sampling import interleave
from edgekit.latency.scenarios.multi_stream import query


def test_a_query_is_answered_when_its_last_sample_is():
    waiting = []
    ask = query(waiting.append, samples=3)
    answered = threading.Event()
    asker = threading.Thread(target=lambda: (ask(), answered.set()))
    asker.start()
    for number in range(3):
        while len(waiting) < 3:
            pass
        assert not answered.wait(0.01)
        waiting[number]()
    assert answered.wait(5)
    asker.join()


def test_its_latency_is_that_of_all_samples_and_the_next_comes_after():
    class Clock:
        now = 0

        def __call__(self):
            return self.now

    clock = Clock()

    def submit(done):
        clock.now += 2000
        done()

    found = interleave({"m": query(submit, 8)}, seconds=0.1, min_samples=662, clock=clock)["m"]
    assert set(found.times_ns) == {16_000} and found.percentile(99) == 16
