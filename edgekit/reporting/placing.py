"""Puts names beside points so that none covers another, a marker or an error bar. Plain geometry, no matplotlib.

A name may stand in sixteen directions and at five distances from its point, or at an end of its error bar. From afar a
line leads to it, which should cross nothing either. The first round takes the cheapest
place for one name after the other; further rounds move each once more, now that the others stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_DIRECTIONS = 16
_GAPS = (3.0, 12.0, 24.0, 40.0, 60.0)
_NEAR = 12.0  # of a name at the end of its error bar
_ROUNDS = 4
_BENDS = (0, 0.15, -0.15, 0.3, -0.3, 0.5, -0.5)  # of a bowed way, in parts of its length
_STEPS = 32


class Box(NamedTuple):
    """A rectangle: left, bottom, right, top."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Return the area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return width * height if width > 0 and height > 0 else 0.0

    def holds(self, x: float, y: float) -> bool:
        """Tell whether a point lies inside."""
        return self.left <= x <= self.right and self.bottom <= y <= self.top

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """Return the point of the box that is nearest to another."""
        return min(max(x, self.left), self.right), min(max(y, self.bottom), self.top)

    @property
    def area(self) -> float:
        """Return its area."""
        return (self.right - self.left) * (self.top - self.bottom)


class Point(NamedTuple):
    """A marker's middle and radius, the size of the name that belongs to it, and the ends of its upright error bar."""

    x: float
    y: float
    radius: float
    width: float
    height: float
    bottom: float
    top: float

    def places(self) -> list[tuple[float, Box]]:
        """Return the boxes the name may take, each with what it costs to stand there."""
        found = []
        below, above = min(self.bottom, self.y - self.radius) - 3, max(self.top, self.y + self.radius) + 3
        for cost, left in ((20.0, self.x - self.width / 2), (22.0, self.x - 6), (22.0, self.x + 6 - self.width)):
            found.append((cost, Box(left, above, left + self.width, above + self.height)))
            found.append((cost, Box(left, below - self.height, left + self.width, below)))
        for gap in _GAPS:
            for step in range(_DIRECTIONS):
                angle = 2 * math.pi * step / _DIRECTIONS
                reach = self.radius + gap
                x = self.x + math.cos(angle) * (reach + self.width / 2)
                y = self.y + math.sin(angle) * (reach + self.height / 2)
                box = Box(x - self.width / 2, y - self.height / 2, x + self.width / 2, y + self.height / 2)
                slant = min(abs(math.sin(angle)), abs(math.cos(angle)))
                found.append((gap + 6 * slant - math.cos(angle), box))
        return found

    def line(self, box: Box) -> list[tuple[float, float]]:
        """Return points two apart on the line from just off the marker, or its bar, to the box; none to a near one."""
        x, y = box.nearest(self.x, self.y)
        apart, begin = math.dist((x, y), (self.x, self.y)), self.radius
        if box.left < self.x < box.right:  # the bar leads there
            begin = max(begin, self.y - self.bottom if y < self.y else self.top - self.y)
            if apart - begin <= _NEAR:
                return []
        steps = range(round(begin) + 4, round(apart), 2)
        return [(self.x + (x - self.x) * step / apart, self.y + (y - self.y) * step / apart) for step in steps]


def bow(start: tuple[float, float], end: tuple[float, float], avoid: Sequence[Point]) -> list[tuple[float, float]]:
    """Return points on the way from start to end: straight, or bowed so far that it touches no marker of `avoid`."""

    def curve(bend: float) -> list[tuple[float, float]]:
        (x0, y0), (x2, y2) = start, end
        x1, y1 = (x0 + x2) / 2 - bend * (y2 - y0), (y0 + y2) / 2 + bend * (x2 - x0)
        parts = [(t / _STEPS, 1 - t / _STEPS) for t in range(_STEPS + 1)]
        return [(u * u * x0 + 2 * u * t * x1 + t * t * x2, u * u * y0 + 2 * u * t * y1 + t * t * y2) for t, u in parts]

    def touches(way: list[tuple[float, float]]) -> bool:
        return any(math.dist(spot, (each.x, each.y)) < each.radius + 3 for each in avoid for spot in way)

    return next((way for way in map(curve, _BENDS) if not touches(way)), curve(0))


def place(points: Sequence[Point], obstacles: Sequence[Box], bounds: Box) -> list[Box]:
    """Return a box for every point's name: inside `bounds`, off the obstacles and each other where it can be."""

    def standing(point: Point, box: Box) -> float:
        """What a place costs wherever the other names are."""
        covered = sum(box.overlap(obstacle) for obstacle in obstacles)
        crossed = sum(any(obstacle.holds(*spot) for obstacle in obstacles) for spot in point.line(box))
        return 40 * (box.area - box.overlap(bounds)) + 4 * covered + 10 * crossed

    places = [[(cost + standing(point, box), box) for cost, box in point.places()] for point in points]
    chosen: dict[int, Box] = {}

    def total(index: int, cost: float, box: Box) -> float:
        others = [other for other_index, other in chosen.items() if other_index != index]
        crossed = sum(any(other.holds(*spot) for other in others) for spot in points[index].line(box))
        return cost + 10 * sum(box.overlap(other) for other in others) + 10 * crossed

    for _ in range(_ROUNDS):
        for index in range(len(points)):
            costs = [total(index, cost, box) for cost, box in places[index]]
            chosen[index] = places[index][costs.index(min(costs))][1]
    return [chosen[index] for index in range(len(points))]
