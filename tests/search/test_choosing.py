"""The chosen points of fronts that are worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.errors import DataError
from edgekit.search.choosing import chosen


def record(*points: tuple[float, float], front: list[int] | None = None, **more: Any) -> dict[str, Any]:
    """A record whose trials are these (milliseconds, metric), in the order of their numbers, and all on the front."""
    trials = [
        {"number": number, "state": "complete", "p50_ms": p50_ms, "metric": metric}
        for number, (p50_ms, metric) in enumerate(points)
    ]
    metric = {"name": "accuracy", "unit": "%", "sign": 1}
    front = list(range(len(points))) if front is None else front
    return {"schema": 1, "name": "x", "id": "search-0", "metric": metric, "trials": trials, "front": front} | more


def named(found: list[dict[str, Any]]) -> dict[str, int]:
    return {point["name"]: point["trial"] for point in found}


# Over log2 of the time the line from (2, 92.1) to (16, 93.0) rises 0.3 a step: (4, 92.9) lies 0.5 above it.
FRONT = ((1.0, 90.0), (2.0, 92.1), (4.0, 92.9), (8.0, 92.95), (16.0, 93.0))


def test_three_points_have_names_and_say_why():
    found = chosen(record(*FRONT))
    assert named(found) == {"most-accurate": 4, "fastest": 1, "balanced": 2}
    assert [point["why"] for point in found] == [
        "the best accuracy on validation examples: 93.0 % in 16.0 ms",
        "the fastest that loses at most 1.0 point against the best: 92.1 % in 2.00 ms, 0.9 points below the best at "
        "8.0× its speed",
        "the bend of the front between fastest and most-accurate: 92.9 % in 4.00 ms, 0.1 points below the best at "
        "4.0× its speed",
    ]


def test_a_loss_of_just_one_point_is_still_allowed():
    found = chosen(record((1.0, 100 * 0.822), (2.0, 100 * 0.832)))  # the first is 82.19999999999999
    assert named(found)["fastest"] == 0


def test_the_recipes_limit_of_the_metric_says_how_much_may_be_lost():
    found = chosen(record(*FRONT, limits={"metric": 89.5}))
    assert named(found)["fastest"] == 0
    assert "keeps the recipe's limit, accuracy of at least 89.5 %" in found[1]["why"]


def test_a_limit_that_short_trials_do_not_reach_says_nothing():
    assert named(chosen(record(*FRONT, limits={"metric": 99.0})))["fastest"] == 1


def test_a_point_with_two_names_is_chosen_once_with_both_reasons():
    found = chosen(record((1.0, 80.0), (8.0, 93.0)))
    assert named(found) == {"most-accurate": 1}
    assert found[0]["why"].endswith("; also the fastest that loses at most 1.0 point against the best")


def test_where_nothing_fast_is_good_enough_the_bend_is_of_the_whole_front():
    found = chosen(record((1.0, 80.0), (2.0, 90.0), (8.0, 93.0)))
    assert named(found) == {"most-accurate": 2, "balanced": 1}
    assert "on the way to the fastest of all" in found[1]["why"]


def test_where_the_front_has_no_bend_the_middle_is_balanced():
    found = chosen(record((1.0, 92.1), (1.1, 92.11), (3.0, 92.2), (3.5, 92.25), (8.0, 93.0)))
    assert named(found)["balanced"] == 2  # halfway is the square root of 8
    assert found[2]["why"].startswith("nearest to halfway in latency between fastest and most-accurate: 92.2 %")


def test_what_is_on_the_front_for_its_size_alone_is_not_balanced():
    assert "balanced" not in named(chosen(record((1.0, 92.5), (2.0, 92.4), (4.0, 93.0))))


def test_a_front_of_one_point_needs_no_rule():
    assert chosen(record((0.1, 91.0))) == [
        {"name": "most-accurate", "trial": 0, "why": "the only point of the front: 91.0 % in 100 µs"}
    ]


def test_where_less_is_better_the_least_is_most_accurate():
    metric = {"name": "error", "unit": "", "sign": -1}
    found = chosen(record((1.0, 0.408), (2.0, 0.405), (4.0, 0.4), metric=metric))
    assert named(found) == {"most-accurate": 2, "fastest": 0, "balanced": 1}
    loses = "loses at most 0.008 against the best: 0.408 in 1,000 µs, 0.008 above the best at 4.0× its speed"
    assert loses in found[1]["why"]


def test_more_points_lie_where_the_front_is_emptiest():
    front = ((0.9, 90.0), (1.0, 92.1), (1.1, 92.2), (2.0, 92.9), (4.0, 92.92), (8.0, 92.95), (9.0, 93.0))
    found = chosen(record(*front, points=4))
    assert named(found) == {"most-accurate": 6, "fastest": 1, "balanced": 3, "trial-4": 4}
    assert "one of the points spread evenly over the front: 92.9 % in 4,000 µs" in found[3]["why"]
    assert list(named(chosen(record(*front, points=9))))[3:] == ["trial-4", "trial-5", "trial-0", "trial-2"]


@pytest.mark.parametrize(("points", "names"), [(1, ["most-accurate"]), (2, ["most-accurate", "fastest"])])
def test_fewer_points_are_those_that_are_wanted_first(points: int, names: list[str]):
    assert list(named(chosen(record(*FRONT, points=points)))) == names


def test_only_what_is_on_the_front_is_chosen():
    assert named(chosen(record((1.0, 92.5), (2.0, 99.0), front=[0]))) == {"most-accurate": 0}
    outside = record((1.0, 92.5))
    outside["trials"][0]["state"] = "infeasible"
    assert chosen(outside) == [] == chosen(record())


def test_a_damaged_record_is_an_error():
    with pytest.raises(DataError, match=r"is damaged: trials\.0\.number"):
        chosen(record() | {"trials": [{"state": "complete"}]})
