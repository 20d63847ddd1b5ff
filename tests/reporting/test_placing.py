from __future__ import annotations

import math
from itertools import combinations

from edgekit.reporting.placing import Box, Point, bow, place

BOUNDS = Box(0, 0, 800, 400)


def _point(x: float, y: float, radius: float = 5) -> Point:
    return Point(x, y, radius, width=70, height=26, bottom=y - 40, top=y + 40)


def _obstacles(points: list[Point]) -> list[Box]:
    bars = [Box(p.x - 2, p.bottom, p.x + 2, p.top) for p in points]
    return bars + [Box(p.x - p.radius, p.y - p.radius, p.x + p.radius, p.y + p.radius) for p in points]


def test_a_lone_name_stands_to_the_right_of_its_point() -> None:
    point = _point(300, 200)
    box = place([point], _obstacles([point]), BOUNDS)[0]
    assert box.left > point.x + point.radius
    assert box.bottom < point.y < box.top


def test_at_the_right_edge_a_name_turns_to_the_left() -> None:
    point = _point(790, 200)
    box = place([point], _obstacles([point]), BOUNDS)[0]
    assert box.right < point.x
    assert box.overlap(BOUNDS) == box.area


def test_names_of_a_crowd_cover_neither_each_other_nor_a_marker() -> None:
    points = [_point(300, 200), _point(310, 215), _point(330, 190), _point(330, 240), _point(345, 205)]
    boxes = place(points, _obstacles(points), BOUNDS)
    assert not any(one.overlap(other) for one, other in combinations(boxes, 2))
    assert not any(box.overlap(obstacle) for box in boxes for obstacle in _obstacles(points))
    assert all(box.overlap(BOUNDS) == box.area for box in boxes)


def test_a_line_leads_from_the_marker_to_a_name_that_stands_apart() -> None:
    point = _point(300, 200)
    line = point.line(Box(360, 190, 430, 216))
    assert line[0][0] > point.x + point.radius
    assert 355 <= line[-1][0] <= 360
    assert point.line(Box(290, 250, 360, 276)) == []
    far = point.line(Box(290, 300, 360, 326))
    assert far[0][1] > point.top and 295 <= far[-1][1] <= 300, "from the end of the bar"


def test_a_way_is_straight_where_it_can_be_and_bows_around_what_stands_there() -> None:
    start, end = (0.0, 0.0), (100.0, 50.0)
    aside, between = (Point(50, y, 8, 0, 0, y, y) for y in (80.0, 25.0))
    straight = bow(start, end, [aside])
    assert straight[0] == start and straight[-1] == end
    assert all(abs(y - x / 2) < 1e-9 for x, y in straight)
    bowed = bow(start, end, [between])
    assert bowed[0] == start and bowed[-1] == end
    assert min(math.dist(spot, (50, 25)) for spot in bowed) >= 11
    assert bow(start, end, [Point(50, 25, 90, 0, 0, 25, 25)]) == straight, "nowhere to go"
