"""The front against examples worked out by hand, and against its definition on points made at random."""

from __future__ import annotations

import math
import random

import pytest

from edgekit.search.front import dominates, front, ranks


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        pytest.param((1, 2), (2, 3), True, id="better in both"),
        pytest.param((1, 3), (2, 3), True, id="better in one, equal in the other"),
        pytest.param((1, 3), (2, 2), False, id="better in one, worse in the other"),
        pytest.param((2, 2), (2, 2), False, id="equal"),
        pytest.param((2, 3), (1, 2), False, id="worse in both"),
        pytest.param((1, 1, math.inf), (1, 2, math.inf), True, id="infinity in one place"),
    ],
)
def test_a_point_dominates_where_it_is_nowhere_worse_and_somewhere_better(one, other, wanted):
    assert dominates(one, other) is wanted


def test_points_of_different_length_are_refused():
    with pytest.raises(ValueError, match="argument 2"):
        dominates((1, 2), (1, 2, 3))


#  4 | c . . .      a (1, 1) beats all but b and c;   b (0, 3) and c (0, 3) are equal;
#  3 | b . e .      d (2, 2) is beaten by a alone;    e (2, 3) by a, b, c and d.
POINTS = [(1, 1), (0, 3), (0, 3), (2, 2), (2, 3)]


def test_the_front_holds_what_nothing_dominates_and_equal_points_together():
    assert front(POINTS) == [0, 1, 2]


def test_ranks_count_the_fronts_that_are_taken_away_before_a_point():
    assert ranks(POINTS) == [0, 0, 0, 1, 2]


def test_a_chain_has_one_point_on_each_front():
    assert ranks([(3, 3), (1, 1), (2, 2)]) == [2, 0, 1]


def test_no_points_have_an_empty_front():
    assert front([]) == [] == ranks([])


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="not a number"):
        ranks([(1.0, math.nan)])


def peeled(points: list[tuple[int, ...]]) -> list[int]:
    """The definition of ranks, word by word: take the front away, again and again."""
    found, left, rank = [0] * len(points), set(range(len(points))), 0
    while left:
        best = {at for at in left if not any(dominates(points[other], points[at]) for other in left)}
        for at in best:
            found[at] = rank
        left -= best
        rank += 1
    return found


@pytest.mark.parametrize("places", [1, 2, 3, 4])
def test_ranks_are_what_peeling_front_after_front_gives(places: int):
    random_ = random.Random(places)
    for _ in range(60):
        reach = random_.choice([2, 5, 50])  # few values make many ties
        points = [tuple(random_.randrange(reach) for _ in range(places)) for _ in range(random_.randrange(25))]
        assert ranks(points) == peeled(points)
        assert front(points) == [at for at, rank in enumerate(peeled(points)) if rank == 0]
