"""How many augmented views of a teacher's answers are worth keeping: 1, 4, 8, 16, beside a view for every epoch.

    python bench/views.py              (make results) goes on where it stopped; some 20 minutes on one core with AMX

The Fashion-MNIST recipe with a student of a quarter of the parameters, so that it takes minutes, 24 epochs, one seed.
Every student starts from the same weights and sees the same examples in the same order; with v views, epoch e sees view
e mod v. With 24 every epoch has a view of its own, as it has with a teacher that is asked live; that both then learn
from the same answers is what tests/training/test_teacher.py proves. Writes bench/results/views.json, and views.npz
with each student's score on every test example.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import console, files
from edgekit.errors import EdgekitError, TrainingError
from edgekit.reporting.wording import MINUS
from edgekit.statistics import mean_estimate, paired_change

ROOT = Path(__file__).parents[1]
PATH = ROOT / "bench" / "results" / "views.json"
EPOCHS = 24
VIEWS = (EPOCHS, 16, 8, 4, 1)
OVERRIDES = [f"stages.distill.epochs={EPOCHS}", "student.args.width=8", "student.baseline=false", "measure.seconds=0.5"]
TARGETS_MISSED = 3


def main() -> int:
    """Run what is missing and print the table; 1 where a run failed."""
    record: dict[str, Any] = files.read_json(PATH) or {"schema": 1, "runs": {}}
    scores = dict(np.load(PATH.with_suffix(".npz"))) if PATH.with_suffix(".npz").exists() else {}
    try:
        for views in VIEWS:
            if str(views) not in record["runs"]:
                record["runs"][str(views)], scores[str(views)] = run(views)
                with files.atomic(PATH.with_suffix(".npz")) as temporary, temporary.open("wb") as stream:
                    np.savez_compressed(stream, allow_pickle=False, **scores)
                files.write_json(PATH, record)
    except EdgekitError as error:
        console.say(error.render())
        return error.exit_code
    console.table(["views kept", "test accuracy", "against a view for every epoch, points"], table(scores))
    return 0


def run(views: int) -> tuple[dict[str, Any], np.ndarray]:
    """Distil with so many views kept; return what is worth recording, and the scores on the test examples."""
    words = ["distill", "fashion-mnist", *OVERRIDES, f"stages.distill.teacher_views={views}", "--until", "distill"]
    console.say(f"edgekit {' '.join(words)}")
    done = subprocess.run(
        [sys.executable, "-m", "edgekit", *words, "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    if done.returncode not in (0, TARGETS_MISSED):
        raise TrainingError(f"the run with {views} views ended with exit code {done.returncode}")
    told = json.loads(done.stdout.splitlines()[-1])
    stage = told["stages"][-1]
    with np.load(ROOT / "runs" / told["name"] / told["id"] / stage["id"] / "scores.npz") as arrays:
        right = arrays["test"].astype(np.uint8)
    kept = {key: told[key] for key in ("created", "seed", "versions", "machine", "data")}
    return {"command": f"edgekit {' '.join(words)}", **kept, "seconds": stage["seconds"]}, right


def table(scores: dict[str, np.ndarray]) -> list[list[str]]:
    """Tell every student's accuracy, and how far it is from the one that saw a new view in every epoch."""
    rows = []
    for views in VIEWS:
        right = scores[str(views)].astype(np.float64)
        found, change = mean_estimate(right), paired_change(right, scores[str(EPOCHS)].astype(np.float64))
        accuracy = f"{100 * found['value']:.2f} % [{100 * found['low']:.2f}, {100 * found['high']:.2f}]"
        told = "{points:+.2f} [{low:+.2f}, {high:+.2f}]".format(**change).replace("-", MINUS)
        rows.append([str(views), accuracy, "" if views == EPOCHS else told])
    return rows


if __name__ == "__main__":
    sys.exit(main())
