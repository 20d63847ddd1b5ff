from __future__ import annotations

from typing import Any

import pytest

from edgekit.metric import Metric
from edgekit.reporting import wording
from edgekit.reporting.figures import Change, Ratio
from edgekit.reporting.record import Target, parse


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1204.4, "1,204"),
        (402.3, "402"),
        (99.97, "100"),
        (44.13, "44.1"),
        (9.996, "10.0"),
        (3.049, "3.05"),
        (0.0521, "0.052"),
    ],
)
def test_a_time_has_three_digits_that_count(value: float, text: str) -> None:
    assert wording.significant(value) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Ratio(ratio=23.2, low=22.1, high=24.0), "23.2× [22.1, 24.0]"),
        (Ratio(ratio=9.12, low=9.01, high=9.24), "9.12× [9.01, 9.24]"),
        (Ratio(ratio=1.31, low=1.28, high=1.34), "1.31× [1.28, 1.34]"),
    ],
    ids=["large", "middling", "small"],
)
def test_a_speedup_is_told_in_three_digits(ratio: Ratio, text: str) -> None:
    assert wording.speedup(ratio) == text


def test_a_change_carries_its_sign_its_interval_and_its_split() -> None:
    change = Change(points=-0.2, low=-0.9, high=0.5, n=10000, split="validation")
    assert wording.change(change) == "−0.2 points [−0.9, +0.5] on validation, n = 10,000"
    change.groups = 25
    assert wording.change(change, Metric("r2", "")) == "−0.002 [−0.009, +0.005] on validation, n = 10,000 of 25 groups"


def test_the_worst_class_carries_its_name_its_interval_and_its_examples(run: dict[str, Any]) -> None:
    teacher, *_, pruned, _ = parse(run, "run.json").verdicts
    assert wording.worst(pruned) == ("−2.8", "8 [−13.1, +7.6], n = 35")
    assert wording.worst(teacher) == ("", "")


def test_a_change_that_rounds_to_nothing_has_no_sign() -> None:
    assert wording.signed(-0.04) == "0.0"


@pytest.mark.parametrize(("slowest", "name"), [(9_999.0, "µs"), (10_000.0, "ms")], ids=["microseconds", "milliseconds"])
def test_the_slowest_model_chooses_the_unit_of_the_column(run: dict[str, Any], slowest: float, name: str) -> None:
    run["stages"][0]["verdict"]["latency"]["p50_us"] = slowest
    assert wording.unit(parse(run, "run.json").verdicts).name == name


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target(name="accuracy", wanted=0.95, got=0.975, met=True), ("accuracy", "≥ 95.0 %", "97.5 %")),
        (Target(name="p50_ms", wanted=0.1, got=0.033, met=True), ("p50 latency", "≤ 0.1 ms", "0.033 ms")),
        (Target(name="bytes", wanted=40000, got=None, met=False), ("file size", "≤ 40,000 bytes", "not measured")),
        (Target(name="speedup", wanted=15, got=12.2, met=False), ("speed-up", "≥ 15.0×", "12.2×")),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else "",
)
def test_a_target_says_its_bound_and_what_was_reached(target: Target, told: tuple[str, str, str]) -> None:
    assert wording.target(target, Metric("accuracy")) == told


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (Metric("r2", ""), ("r2", "≥ 0.950", "0.975")),
        (Metric("bits per character", "bits", -1), ("bits per character", "≤ 0.950 bits", "0.975 bits")),
    ],
    ids=["more is better", "less is better"],
)
def test_a_target_for_the_metric_is_told_as_the_metric_is(metric: Metric, told: tuple[str, str, str]) -> None:
    assert wording.target(Target(name="metric", wanted=0.95, got=0.975, met=True), metric) == told


def test_the_headline_sets_the_kept_model_against_its_teacher(run: dict[str, Any]) -> None:
    assert wording.headline(parse(run, "run.json")) == (
        "The pruned model is 12.2× faster and 14.6× smaller than its teacher, "
        "at 97.5 % [95.3, 98.7] accuracy against 98.6 %."
    )


@pytest.mark.parametrize(
    ("speed", "size", "words"),
    [
        ((1.02, 0.98, 1.06), 712_384, "not clearly faster than its teacher, and of the same size"),
        ((0.5, 0.48, 0.52), 356_192, "2.0× slower and 2.0× smaller than its teacher"),
        ((3.0, 2.8, 3.2), 1_424_768, "3.0× faster and 2.0× larger than its teacher"),
    ],
    ids=["no clear difference", "slower", "larger"],
)
def test_the_headline_does_not_flatter(
    run: dict[str, Any], speed: tuple[float, float, float], size: int, words: str
) -> None:
    pruned = run["stages"][3]["verdict"]
    pruned["speedup_over_teacher"] = dict(zip(("ratio", "low", "high"), speed, strict=True))
    pruned["bytes"] = size
    assert words in wording.headline(parse(run, "run.json"))


def test_a_kept_teacher_and_an_unfinished_run_are_said_plainly(run: dict[str, Any]) -> None:
    run["kept"] = "teacher"
    assert wording.headline(parse(run, "run.json")).startswith("The teacher was kept, at 98.6 %")
    run |= {"kept": None, "status": "running", "stages": run["stages"][:3]}
    assert wording.headline(parse(run, "run.json")) == "This run is unfinished: 3 of 5 models are judged."


def test_a_quantized_graph_is_compared_with_the_one_it_was_made_from(run: dict[str, Any]) -> None:
    told = parse(run, "run.json")
    pruned, quantized = told.verdict("prune"), told.verdict("quantize")
    assert pruned and quantized
    assert wording.parity(pruned, told.verdict("distill")).startswith("within 2.4e-06 of PyTorch, same class in 100 %")
    assert wording.parity(quantized, pruned).startswith("within 2.4e-06 of pruned")


@pytest.mark.parametrize(
    ("fraction", "said"), [(0.0056, "0.56 points"), (0.0994, "9.94 points"), (0.121, "12.1 points"), (0, "0.00 points")]
)
def test_points_have_two_digits_that_count(fraction, said):
    assert wording.points(fraction) == said


def test_a_change_comes_apart_from_its_interval():
    assert wording.points_apart(Change(points=-1.24, low=-2.0, high=0.3, n=9)) == ("−1.2", "[−2.0, +0.3]")
    assert wording.points_apart(Change(points=0.6, low=None, high=None, n=None)) == ("+0.6", "")
