"""Which of several points no other beats: the Pareto front, and how many fronts lie before each point.

A point is a tuple of figures of which less is better, infinity included; a figure of which more is better is given
negated. Python alone; imports nothing of edgekit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = Sequence[float]


def dominates(one: Point, other: Point) -> bool:
    """Tell whether `one` is nowhere worse than `other` and somewhere better; equal points do not beat each other."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))


def front(points: Sequence[Point]) -> list[int]:
    """Return the places of the points that no other dominates, in the order they were given."""
    return [place for place, rank in enumerate(ranks(points)) if rank == 0]


def ranks(points: Sequence[Point]) -> list[int]:
    """Return how many fronts lie before each point's own: 0 on the front, 1 on what is the front without it, and on.

    Raises ValueError on a figure that is not a number: it would neither beat anything nor be beaten.
    """
    if any(math.isnan(figure) for point in points for figure in point):
        raise ValueError("a figure of a point is not a number")
    found = [0] * len(points)
    # What dominates a point stands before it when they are sorted, so that one pass sees every rank that it needs.
    order = sorted(range(len(points)), key=lambda place: tuple(points[place]))
    for at, place in enumerate(order):
        before = (found[other] for other in order[:at] if dominates(points[other], points[place]))
        found[place] = 1 + max(before, default=-1)
    return found
