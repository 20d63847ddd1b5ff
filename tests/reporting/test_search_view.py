from __future__ import annotations

from typing import Any

import pytest

from edgekit.reporting import search_view
from edgekit.reporting.search_record import parse
from edgekit.reporting.search_view import view


def test_the_axes_hold_the_front_with_its_intervals_and_every_latency(found: dict[str, Any]) -> None:
    seen = view(parse(found, "here"), 860)
    assert seen.left < 100 < 500 < seen.right
    assert seen.bottom < 89.9 and seen.top > 94.7  # the teacher is near enough to be worth the room


def test_one_hopeless_trial_does_not_press_the_others_together(found: dict[str, Any]) -> None:
    found["trials"] += [found["trials"][3] | {"number": number, "metric": 90.0} for number in range(9, 20)]
    found["trials"].append(found["trials"][3] | {"number": 20, "metric": 11.0})
    assert view(parse(found, "here"), 860).bottom > 85


def test_a_teacher_far_above_is_told_instead_of_drawn(found: dict[str, Any]) -> None:
    found["teacher"]["metric"] = 99.9
    found["limits"] |= {"bytes": 20_000, "metric": 30.0, "p50_ms": 0.01}
    search = parse(found, "here")
    assert view(search, 860).top < 99.9
    assert search_view.beyond(search) == [
        "The teacher, 99.9 % in 2.00 ms, lies beyond the axis.",
        "Not drawn: the limits p50 of 10.0 µs, accuracy of 30.0 %, file of 20.0 KB.",
    ]


def test_the_stricter_limit_of_the_time_counts(found: dict[str, Any]) -> None:
    assert search_view.time_limit(parse(found, "here")) == 0.45
    found["limits"]["speedup"] = 10.0
    assert search_view.time_limit(parse(found, "here")) == pytest.approx(0.2)
    assert search_view.time_limit(parse(found | {"teacher": None, "limits": {}}, "here")) is None


def test_where_less_is_better_the_axis_is_turned(found: dict[str, Any]) -> None:
    seen = view(parse(found | {"metric": {"name": "error", "unit": "", "sign": -1}}, "here"), 860)
    assert seen.bottom < seen.top < 0


def test_areas_go_with_bytes_and_none_vanishes(found: dict[str, Any]) -> None:
    seen = view(parse(found, "here"), 860)
    assert seen.size(seen.largest) == pytest.approx(2 * seen.size(seen.largest // 4), rel=1e-3)
    assert seen.size(1) == seen.size(None) > 2


def test_a_single_trial_has_axes(found: dict[str, Any]) -> None:
    trial = found["trials"][0] | {"metric_low": None, "metric_high": None}
    seen = view(parse(found | {"trials": [trial], "teacher": None, "limits": {}}, "here"), 860)
    assert seen.left < 200 < seen.right and seen.bottom < 92.0 < seen.top
