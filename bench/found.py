"""Compares students that a search found on Fashion-MNIST with those of recipes written by hand, example by example.

    python bench/found.py              prints a row for each pair, from bench/results/search

They were made so, with the points' recipes beside the search's record, and their test scores kept:

    edgekit search fashion-mnist --trials 60 --jobs 2
    edgekit distill runs/fashion-mnist/ID/points/balanced.yaml student.baseline=false stages.prune.epochs=24
    edgekit distill runs/fashion-mnist/ID/points/trial-21.yaml student.baseline=false stages.prune.epochs=24
    edgekit distill runs/fashion-mnist/ID/points/trial-6.yaml student.baseline=false

Those of trial-21 and trial-6 with stages.distill.precision=float32 stages.prune.precision=float32 as well, which is
quicker for depthwise convolutions; those named 8-epochs as the recipe has it, without stages.prune.epochs.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from results import RESULTS, results

from edgekit import console, metric, statistics

FOUND = RESULTS / "search"
PAIRS = {
    "balanced": "fashion-mnist",
    "trial-21": "fashion-mnist-small",
    "trial-6": "fashion-mnist-tiny",
    "balanced-8-epochs": "fashion-mnist",
    "trial-21-8-epochs": "fashion-mnist-small",
}


def main() -> int:
    """Print how far each student that was found is above each seed of the recipe by hand that is as fast."""
    accuracy, rows = metric.Metric("accuracy"), []
    for found, hand in PAIRS.items():
        run = json.loads((FOUND / f"{found}.json").read_text(encoding="utf-8"))
        with np.load(FOUND / f"{found}.npz") as saved:
            scores = saved["test"]
        for other in results(hand):
            theirs, seed = other["run"], other["run"]["recipe"]["seed"]
            with np.load(RESULTS / hand / f"seed-{seed}.npz") as saved:
                change = statistics.paired_change(scores, saved[f"{theirs['kept']}/scores/test"])
            changed = accuracy.changed(change["points"], change["low"], change["high"])
            rows.append([found, *_told(run), f"{hand}, seed {seed}", *_told(theirs), changed])
    console.table(["found", "accuracy", "speed-up", "by hand", "accuracy", "speed-up", "difference"], rows)
    return 0


def _told(run: dict[str, Any]) -> list[str]:
    verdict = next(stage["verdict"] for stage in run["stages"] if stage["id"] == run["kept"])
    return [f"{100 * verdict['test']['value']:.2f} %", f"{verdict['speedup_over_teacher']['ratio']:.1f}×"]


if __name__ == "__main__":
    sys.exit(main())
