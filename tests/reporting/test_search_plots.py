from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from edgekit.errors import DataError
from edgekit.reporting import search_marks, search_plots
from edgekit.reporting.search_record import parse
from edgekit.reporting.search_view import view


def drawn(said: dict[str, Any], width: int = 860) -> str:
    return search_plots.front_svg(parse(said, "here"), "front", width)


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def test_chosen_points_recipe_teacher_and_limit_are_named(found: dict[str, Any]) -> None:
    said = texts(drawn(found))
    for name in (
        "most-accurate",
        "93.1 %, 400 µs",
        "fastest",
        "the recipe",
        "teacher 94.7 % in 2.00 ms",
        "limit 450 µs",
    ):
        assert name in said, name
    assert {"20×", "10×", "speed-up over the teacher", "validation accuracy", "stopped"} <= set(said)
    assert "The front: trial 3: 90.5 % [89.9, 91.0] in 100 µs" in drawn(found)


def test_a_narrow_plot_leaves_figures_out(found: dict[str, Any]) -> None:
    said = texts(drawn(found, 350))
    assert "most-accurate" in said
    assert "93.1 %, 400 µs" not in said


def test_a_chosen_point_that_is_the_recipe_says_so_once(found: dict[str, Any]) -> None:
    found["chosen"][0]["trial"] = 0
    found["front"] = [3, 2, 0]
    said = texts(drawn(found))
    assert "most-accurate, the recipe itself" in said
    assert "the recipe" not in said


def test_stopped_trials_stand_in_a_strip_and_those_below_it_are_counted(found: dict[str, Any]) -> None:
    assert "1 ↓" not in texts(drawn(found))  # both stopped at about 90.5 %
    found["trials"][5]["rung_scores"] = {"1": 40.0}
    assert "1 ↓" in texts(drawn(found))
    without = drawn(found | {"trials": found["trials"][:5]})
    assert "stopped" not in texts(without)


def test_names_do_not_cover_each_other(found: dict[str, Any]) -> None:
    places = re.findall(r'translate\(([\d.]+) ([\d.]+)\)|<text[^>]* x="([\d.]+)" y="([\d.]+)"', drawn(found))
    assert len(places) == len(set(places))


def test_without_a_teacher_there_is_no_axis_of_speed_ups(found: dict[str, Any]) -> None:
    said = texts(drawn(found | {"teacher": None}))
    assert not [text for text in said if "×" in text or "teacher" in text]


def test_the_line_leads_over_what_can_be_had_and_not_over_what_is_only_small(found: dict[str, Any]) -> None:
    found["trials"].append(found["trials"][3] | {"number": 9, "metric": 88.0, "p50_ms": 0.15})
    search = parse(found | {"front": [3, 9, 2, 1]}, "here")
    assert search_marks.steps(search, view(search, 860)) == [(100.0, 90.5), (160.0, 92.4), (400.0, 93.1)]


def test_where_nothing_has_figures_there_is_no_plot(found: dict[str, Any], tmp_path: Path) -> None:
    assert drawn(found | {"trials": found["trials"][5:]}) == ""
    with pytest.raises(DataError, match="nothing to draw yet"):
        search_plots.write_png(parse(found | {"trials": []}, "here"), tmp_path / "x.png")


def test_the_picture_is_1600_pixels_wide(found: dict[str, Any], tmp_path: Path) -> None:
    search_plots.write_png(parse(found, "here"), tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (1600, 960)


def test_the_same_search_gives_the_same_plot(found: dict[str, Any]) -> None:
    assert drawn(found) == drawn(found)
