import time

from edgekit.measuring.spinning import rest_after


def test_sessions_of_one_thread_need_no_rest_and_others_longer_than_their_pools_spin():
    assert rest_after(1) is None
    rest = rest_after(2)
    began = time.perf_counter()
    rest()
    assert time.perf_counter() - began >= 0.031
