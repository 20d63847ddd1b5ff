from __future__ import annotations

import random
import re
from typing import Any

import pytest

from edgekit.reporting import search_ranges
from edgekit.reporting.search_effects import effects, left_out
from edgekit.reporting.search_record import Search, parse

SPACE = {"width": [8, 16], "ratio": {"low": 0.1, "high": 0.9}, "luck": [1, 2], "same": [3, 4]}


def made(count: int, space: dict[str, Any] | None = None) -> Search:
    """Trials whose metric is all the width's doing, but for a little noise."""
    draw = random.Random(0)
    trials = []
    for number in range(count):
        values = {
            "width": 8 + 8 * (number % 2),
            "ratio": draw.uniform(0.1, 0.9),
            "luck": draw.choice([1, 2]),
            "same": 3,
        }
        metric = 90.0 + values["width"] / 8 + draw.gauss(0, 0.1)
        trials.append({"number": number, "state": "complete", "metric": metric, "p50_ms": 1.0, "overrides": values})
    said = {"schema": 1, "name": "x", "id": "y", "metric": {"name": "accuracy"}, "space": space or SPACE}
    return parse(said | {"trials": trials, "front": [1]}, "here")


def test_what_makes_the_metric_comes_first_and_what_does_not_has_no_share() -> None:
    first, *others = effects(made(40))
    assert first.name == "width"
    assert first.share == pytest.approx(0.95, abs=0.03)
    assert {other.name for other in others} == {"ratio", "luck"}
    assert all(other.share is not None and other.share < 0.1 for other in others)


def test_shares_are_worked_out_by_hand() -> None:
    search = made(12)
    for place, trial in enumerate(search.trials):
        trial.metric = 1.0 * (place % 2) + 2.0 * (place % 3 == 0)
    # Sums of squares: 5 1/3 within each width, 10 2/3 in both; 13 2/3 in all. Ten of eleven degrees of freedom stay.
    width = next(effect for effect in effects(search) if effect.name == "width")
    assert width.share == pytest.approx(1 - (10.0 + 2 / 3) / 10 * 11 / (13 + 2 / 3), rel=1e-6)


def test_a_range_has_four_parts_and_choices_one_each_in_their_order() -> None:
    found = {effect.name: effect for effect in effects(made(40))}
    assert len(found["ratio"].groups) == 4 and found["ratio"].labels == []
    assert found["width"].labels == ["8", "16"]
    assert [group[:2] for group in found["width"].groups] == [(-0.3, 0.3), (0.7, 1.3)]
    assert found["width"].groups[1][2] == pytest.approx(92.0, abs=0.1)


def test_few_trials_say_less_and_fewer_nothing() -> None:
    assert all(effect.share is None for effect in effects(made(9)))
    assert effects(made(7)) == []


def test_true_is_not_taken_for_one() -> None:
    search = made(12, SPACE | {"luck": [True, False]})
    for trial in search.trials:
        trial.overrides["luck"] = trial.number % 3 == 0
    assert next(effect for effect in effects(search) if effect.name == "luck").labels == ["true", "false"]


def test_students_that_are_chosen_whole_are_told_apart() -> None:
    networks = [{"model": "net.py", "args": {"width": width}} for width in (4, 8)]
    search = made(20, {"student": networks[:1]})
    for trial in search.trials:
        trial.overrides = {"student": networks[trial.number % 2]}
    (found,) = effects(search)
    assert found.labels == ["net(width=4)", "net(width=8)"]
    for width, told in ((860, found.labels), (200, ["1", "2"])):
        svg = search_ranges.ranges_svg(search, [found], "ranges", width, 1)
        assert set(told) <= set(re.findall(r"<text[^>]*>([^<]+)</text>", svg)), "numbered where names have no room"


def test_a_trial_that_repeats_another_counts_once() -> None:
    search = made(20)
    search.trials[3].duplicate = 1
    assert len(effects(search)[0].trials) == 19


def test_panels_are_drawn_for_what_was_varied_and_the_rest_is_named() -> None:
    search = made(40)
    svg = search_ranges.ranges_svg(search, effects(search), "ranges", 860, 3)
    said = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    assert {"width", "ratio", "luck", "8", "16"} <= set(said)
    assert "goes with 94 % of the differences" in said and "no more than chance" in said
    assert left_out(search, effects(search)) == "Not drawn, with too few trials or too little to tell: same."


def test_where_nothing_can_be_told_nothing_is_drawn() -> None:
    assert search_ranges.ranges_svg(made(3), effects(made(3)), "ranges", 860, 3) == ""
    assert left_out(made(3), []) == ""


def test_a_logarithmic_range_has_such_an_axis() -> None:
    search = made(20, SPACE | {"ratio": {"low": 0.01, "high": 1, "log": True}})
    (ratio,) = [effect for effect in effects(search) if effect.name == "ratio"]
    assert ratio.log
    assert ">0.2<" in search_ranges.ranges_svg(search, [ratio], "ranges", 350, 1)
