"""Draws what students of several sizes reach on Fashion-MNIST, with and without a teacher, from the results there are.

    python bench/front.py              (make results) writes bench/results/fashion-mnist.png

Across: how many times faster than the teacher's ONNX file, one thread, batch 1, measured in turn with it. Up: accuracy
on the test examples, the mean over the seeds, and from the lowest to the highest of them.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from results import RESULTS, TABLE, results

from edgekit import console, files
from edgekit.errors import DataError
from edgekit.reporting.drawing import PRINT, style
from edgekit.reporting.wording import significant

PATH = RESULTS / "fashion-mnist.png"
TICKS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150)
# What is drawn of each run: the kind of its stage, or what was shipped.
SERIES = {"student": "without a teacher", "distill": "distilled", "shipped": "as shipped"}


class Spot(NamedTuple):
    """A model over its seeds: times as fast as the teacher, accuracy in percent, parameters."""

    speed: float
    accuracy: list[float]
    parameters: int

    @property
    def middle(self) -> float:
        """The mean accuracy."""
        return statistics.mean(self.accuracy)


def main() -> int:
    """Draw the front of every Fashion-MNIST recipe that has results."""
    found = {name: results(name) for name in TABLE if name.startswith("fashion-mnist")}
    found = {name: runs for name, runs in found.items() if runs}
    if not found:
        console.say(DataError("there is no result of Fashion-MNIST to draw", "make results").render())
        return 1
    draw(found, PATH)
    console.say(f"{PATH}: {', '.join(f'{name} {len(runs)}' for name, runs in found.items())}")
    return 0


def spots(found: dict[str, Sequence[dict[str, Any]]], what: str) -> list[Spot]:
    """Gather one series: a spot for each recipe whose runs have it, from the slowest to the fastest."""
    gathered = []
    for runs in found.values():
        verdicts = []
        for result in runs:
            by_id = {stage["id"]: stage["verdict"] for stage in result["run"]["stages"]}
            of_kind = [verdict for verdict in by_id.values() if verdict["kind"] == what]
            verdicts += [by_id[result["run"]["kept"]]] if what == "shipped" else of_kind[:1]
        if verdicts:
            speeds = [verdict["speedup_over_teacher"]["ratio"] for verdict in verdicts]
            accuracy = [100 * verdict["test"]["value"] for verdict in verdicts]
            gathered.append(Spot(statistics.mean(speeds), accuracy, verdicts[0]["parameters"]))
    return sorted(gathered, key=lambda spot: spot.speed)


def draw(found: dict[str, Sequence[dict[str, Any]]], path: Path) -> None:
    """Write the plot as PNG of 1600 x 900 pixels."""
    teachers = [
        stage["verdict"]
        for runs in found.values()
        for result in runs
        for stage in result["run"]["stages"]
        if stage["verdict"]["kind"] == "teacher"
    ]
    teacher = 100 * statistics.mean(verdict["test"]["value"] for verdict in teachers)
    width, height = 800, 450
    with style(PRINT, "front"):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=PRINT.paper)
        axes = figure.add_axes((0.075, 0.12, 0.9, 0.68))
        size = console.number(teachers[0]["parameters"])
        figure.text(
            0.025, 0.925, "Fashion-MNIST: what small networks keep of a large one", fontsize=15.5, weight="bold"
        )
        seeds = sorted({len(runs) for runs in found.values()})
        many = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        how = f"test accuracy, n = 10,000, mean of {many} seeds (bars: lowest to highest); speed on one thread, batch 1"
        figure.text(0.025, 0.875, how, fontsize=10.5, color=PRINT.muted)
        axes.axhline(teacher, color=PRINT.muted, linewidth=1, linestyle=(0, (4, 3)))
        _series(axes, spots(found, "student"), SERIES["student"], PRINT.muted, "o", "white", below=True)
        _series(axes, spots(found, "distill"), SERIES["distill"], PRINT.accent, "o", PRINT.accent, below=False)
        shipped = spots(found, "shipped")
        for spot in shipped:
            axes.plot(spot.speed, spot.middle, "*", color=PRINT.ink, markersize=13, zorder=4)
        axes.plot([], [], "*", color=PRINT.ink, markersize=11, linestyle="none", label=SERIES["shipped"])
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        speeds = [spot.speed for what in SERIES for spot in spots(found, what)]
        ticks = [
            tick
            for tick in (5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150)
            if min(speeds) / 1.3 < tick < max(speeds) * 1.3
        ]
        axes.set_xticks(ticks)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axes.set_xlim(min(speeds) / 1.12, max(speeds) * 1.15)
        axes.annotate(
            f"teacher {significant(teacher)} %, {size} parameters, 1×", (axes.get_xlim()[1], teacher), (0, 5),
            textcoords="offset points", ha="right", fontsize=10.5, color=PRINT.muted,
        )  # fmt: skip
        low, high = axes.get_ylim()
        axes.set_ylim(low - 0.15, high + 0.25)
        axes.set_xlabel("times as fast as the teacher")
        axes.legend(loc="lower left", frameon=False)
        with files.atomic(path) as temporary:
            figure.savefig(temporary, format="png", dpi=144, metadata={"Software": None})


def _series(axes: Axes, found: Sequence[Spot], label: str, colour: str, marker: str, face: str, below: bool) -> None:
    x, y = [spot.speed for spot in found], [spot.middle for spot in found]
    spans = [
        [spot.middle - min(spot.accuracy) for spot in found],
        [max(spot.accuracy) - spot.middle for spot in found],
    ]
    axes.errorbar(
        x, y, yerr=spans, label=label, color=colour, marker=marker, markerfacecolor=face, markersize=7, linewidth=1.2,
        elinewidth=1, capsize=0, zorder=3,
    )  # fmt: skip
    for spot in found:
        text = f"{spot.middle:.1f} %" + ("" if below else f"\n{console.number(spot.parameters)}")
        axes.annotate(
            text, (spot.speed, spot.middle), (0, -9 if below else 9), textcoords="offset points", ha="center",
            va="top" if below else "bottom", fontsize=10, color=colour,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
