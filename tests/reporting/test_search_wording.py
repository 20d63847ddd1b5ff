from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgekit.reporting import search_wording as words
from edgekit.reporting.search_record import Search, parse


@pytest.fixture
def search(found: dict[str, Any]) -> Search:
    return parse(found, "here")


def changed(found: dict[str, Any], **more: Any) -> Search:
    return parse(found | more, "here")


def test_figures_are_written_in_the_metrics_own_way(search: Search, found: dict[str, Any]) -> None:
    assert words.point(search, search.trials[1], doubt=True) == "93.1 % [92.5, 93.6] in 400 µs"
    error = {"name": "error", "unit": "", "sign": -1}
    found["trials"][1] |= {"metric": 0.412, "metric_low": 0.43, "metric_high": 0.39}
    less = changed(found, metric=error)
    assert words.point(less, less.trials[1], doubt=True) == "0.412 [0.390, 0.430] in 400 µs"
    less.trials[1].metric_low, less.trials[1].metric_high = 0.39, 0.43
    assert words.interval(less, less.trials[1]) == "[0.390, 0.430]"
    assert words.lost(less, 0.031) == "0.031"
    assert [words.lost(search, points) for points in (1.0, 0.4, 0.04)] == ["1.0 point", "0.4 points", "0.0 points"]


def test_slow_trials_are_told_in_milliseconds(search: Search, found: dict[str, Any]) -> None:
    assert words.latency(search, 0.4) == "400 µs"
    found["trials"][1]["p50_ms"] = 12.0
    assert words.latency(changed(found), 0.4) == "0.400 ms"
    assert words.teacher(search) == "94.7 % in 2.00 ms"
    assert words.teacher(changed(found, teacher=None)) == ""


@pytest.mark.parametrize(
    ("given", "written"),
    [(True, "true"), (None, "null"), (0.31415, "0.314"), (4.0, "4"), (16, "16"), ("taylor", "taylor")],
)
def test_values_have_as_few_digits_as_tell_them(given: Any, written: str) -> None:
    assert words.value(given) == written


def test_settings_are_named_as_shortly_as_is_clear() -> None:
    names = ["student.args.width", "stages.prune", "stages.prune.ratio", "stages.distill.losses.soft-target.weight"]
    assert list(words.short_names(names).values()) == ["width", "prune", "prune.ratio", "soft-target.weight"]
    twice = ["stages.distill.losses.hard-label.weight", "stages.prune.losses.hard-label.weight", "stages.prune.ratio"]
    assert list(words.short_names(twice).values()) == [*twice[:2], "prune.ratio"]


def test_a_space_is_told_as_choices_or_a_range() -> None:
    told = [words.space(given) for given in ([8, 12, 16], [True], {"low": 1, "high": 8, "log": True})]
    assert told == ["8, 12 or 16", "true", "1 to 8, logarithmic"]
    assert words.space({"low": 8, "high": 32, "step": 8}) == "8 to 32 in steps of 8"


def test_outcomes_are_counted_and_stopped_trials_by_their_last_rung(search: Search, found: dict[str, Any]) -> None:
    assert words.outcomes(search) == (
        "4 complete, 2 stopped early (1 after 1 epoch, 1 after 3 epochs), 1 outside the limits, 1 failed, "
        "1 lost with their worker"
    )
    assert words.outcomes(changed(found, trials=[])) == "none has come to its end"


def test_limits_say_which_way(search: Search, found: dict[str, Any]) -> None:
    assert words.limits(search) == ["p50 ≤ 450 µs"]
    all_of_them = {"metric": 0.4, "p50_ms": None, "speedup": 10, "bytes": 20000}
    less = changed(found, limits=all_of_them, metric={"name": "error", "unit": "", "sign": -1})
    assert words.limits(less) == ["error ≤ 0.400", "speed-up ≥ 10×", "file ≤ 20,000 bytes"]


def test_the_headline_is_what_was_found(search: Search, found: dict[str, Any]) -> None:
    tells = "9 trials: from 92.4 % in 160 µs to 93.1 % in 400 µs; the recipe as it stands has 92.0 % in 200 µs"
    assert words.headline(search) == tells
    assert words.headline(changed(found, front=[], chosen=[])) == "Of 9 trials none meets the limit"
    assert words.headline(changed(found, trials=found["trials"][5:])) == "Of 4 trials none came to its end"
    assert words.headline(changed(found, trials=[])) == "The search has only begun"
    alone = changed(found, trials=found["trials"][1:2], front=[1])
    assert words.headline(alone) == "1 trial: 93.1 % in 400 µs is the best found"


def test_commands_can_be_pasted(search: Search) -> None:
    made = words.command(Path("my runs/x"), "points/fastest.yaml")
    assert made == "edgekit distill 'my runs/x/points/fastest.yaml'"
    assert words.again(search) == "edgekit search clothes.yaml", "a record of before it was told"
    said = "edgekit search clothes.yaml --trials 9 --jobs 2"
    assert words.again(search.model_copy(update={"command": said})) == said
