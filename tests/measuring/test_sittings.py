from collections import Counter
from itertools import combinations

from edgekit.measuring.sittings import plan


def test_what_fits_sits_together():
    (only,) = plan({"a": 10, "b": 20}, 4, free=1000)
    assert only.members == ["a", "b"] and only.seconds == 4


def test_where_memory_is_unknown_all_sit_together():
    assert [sitting.members for sitting in plan({"a": 10**12, "b": 10**12}, 4, free=None)] == [["a", "b"]]


def test_a_long_measurement_visits_all_several_times():
    sittings = plan({"a": 1, "b": 1}, 20, free=1000)
    assert [sitting.members for sitting in sittings] == [["a", "b"]] * 4
    assert {sitting.seconds for sitting in sittings} == {5}


def test_many_cells_get_a_second_each_in_a_visit():
    sittings = plan({str(name): 1 for name in range(20)}, 60, free=1000)
    assert [sitting.seconds for sitting in sittings] == [20, 20, 20]


def test_what_does_not_fit_is_dealt_out_anew_with_the_first_in_every_part():
    sizes = dict.fromkeys("abcdefg", 10)
    sittings = plan(sizes, 210, free=60)  # three at once
    assert all(sitting.members[0] == "a" and len(sitting.members) <= 3 for sitting in sittings)
    visits = len(sittings) // 3
    seen = Counter(name for sitting in sittings for name in sitting.members[1:])
    assert visits > 10 and set(seen.values()) == {visits}
    met = Counter(pair for sitting in sittings for pair in combinations(sorted(sitting.members[1:]), 2))
    assert set(met) == set(combinations("bcdefg", 2))
    assert abs(sum(sitting.seconds for sitting in sittings) - 210) < 1e-6


def test_a_model_that_is_too_large_for_its_share_is_timed_beside_the_first_all_the_same():
    assert [sitting.members for sitting in plan({"a": 10, "b": 900, "c": 10}, 1, free=100)] in (
        [["a", "b"], ["a", "c"]], [["a", "c"], ["a", "b"]],
    )  # fmt: skip


def test_one_model_alone_that_is_too_large_is_timed():
    assert [sitting.members for sitting in plan({"a": 900}, 1, free=100)] == [["a"]]


def test_the_same_seed_deals_the_same():
    sizes = {str(name): 10 for name in range(9)}
    assert plan(sizes, 60, 60, seed=1) == plan(sizes, 60, 60, seed=1) != plan(sizes, 60, 60, seed=2)
