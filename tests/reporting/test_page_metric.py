"""The page of a run whose figures are others than accuracy against a teacher."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit.reporting import page


def test_a_metric_of_which_less_is_better_is_shown_in_its_unit(
    run: dict[str, Any], save: Callable[[dict[str, Any]], Path]
) -> None:
    bits = {"value": -1.93, "low": -1.95, "high": -1.905, "n": 120, "groups": 12}
    for stage in run["stages"]:
        stage["verdict"] |= {"metric": "bits per character", "unit": "bits", "sign": -1, "test": bits}
    run["stages"][3]["verdict"]["anyway"] = True
    text = page.write(save(run)).read_text(encoding="utf-8")
    for said in (
        "at 1.930 bits [1.905, 1.950] per character against 1.930 bits.",
        "1.930 bits", "[1.905,\u00a01.950]", "n = 120 of 12 groups", "Less bits per character is better, and drawn",
        "in the bundle, kept anyway", "+0.002 bits\u00a0[−0.005,\u00a0+0.009]",
    ):  # fmt: skip
        assert said.replace("\u00a0", " ") in text.replace("\u00a0", " ")


def test_without_a_teacher_nothing_is_said_of_one(run: dict[str, Any], save: Callable[[dict[str, Any]], Path]) -> None:
    del run["stages"][0]
    run |= {"recipe": {**run["recipe"], "teacher": None}, "differences": None}
    for stage in run["stages"]:
        stage["verdict"] |= {"speedup_over_teacher": None}
    text = page.write(save(run)).read_text(encoding="utf-8")
    assert "over the teacher" not in text and "and the teacher" not in text


def test_f1_of_two_classes_is_among_the_facts(run: dict[str, Any], save: Callable[[dict[str, Any]], Path]) -> None:
    run["stages"][0]["verdict"]["test"]["f1"] = {"label": "same", "value": 0.897, "low": 0.879, "high": 0.913, "n": 360}
    text = html.unescape(re.sub("<[^>]*>", " ", page.write(save(run)).read_text(encoding="utf-8"))).replace(
        "\u00a0", " "
    )
    assert re.search(r"F1 of same\s+89\.7 % \[87\.9, 91\.3\] on test examples", text)
    assert text.count("F1 of") == 1
