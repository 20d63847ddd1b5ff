"""The page of a run whose metric is no share."""

from __future__ import annotations

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
        "1.930 bits", "[1.905,\u00a01.950]", "n = 120 of 12 groups", "Less bits per character is better, and drawn",
        "in the bundle, kept anyway", "+0.002 bits\u00a0[−0.005,\u00a0+0.009]",
    ):  # fmt: skip
        assert said.replace("\u00a0", " ") in text.replace("\u00a0", " ")
