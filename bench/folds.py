"""Trains the teacher of `sentiment` five times, each time with another fifth of the movie snippets held out as test.

    python bench/folds.py              (25 minutes on one core; make data brings what it needs)
    python bench/folds.py --folds 0 3  these alone

The fifths go by what the texts' CRC-32 leaves when divided by 5; the recipe's own test is the one that leaves 0. Each
text is answered by a network that was trained without it, so that all 10,568 tell what the setting is worth, of which
one fifth is a small sample. bench/results/folds gets each fold's run as soon as it is done; what is there is kept.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zlib

import numpy as np
from results import RESULTS, ROOT, TOLD

from edgekit import console, files, statistics
from edgekit.data.sources import movie_snippets

FOLDS = range(5)
KEPT = RESULTS / "folds"


def main() -> int:
    """Train what is missing and print a row for each fold, and all together; 1 where a training failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, nargs="+", choices=FOLDS, default=list(FOLDS), help="these alone")
    said = parser.parse_args()
    for fold in said.folds:
        if not (KEPT / f"{fold}.json").is_file() and not trained(fold):
            console.say(f"error: the training of fold {fold} failed, as was told above")
            return 1
    known = [fold for fold in FOLDS if (KEPT / f"{fold}.json").is_file()]
    scores = [np.load(KEPT / f"{fold}.npy").astype(np.float64) for fold in known]
    rows = [told(f"{fold}", each) for fold, each in zip(known, scores, strict=True)]
    console.table(["held out", "texts", "accuracy", "95 %"], [*rows, told("all of them", np.concatenate(scores))])
    return 0


def trained(fold: int) -> bool:
    """Train with a fold held out and keep the run's record and test scores; False where it fails."""
    folder = ROOT / "runs" / "folds" / str(fold)
    train, test = (folder / f"{name}.jsonl" for name in ("train", "test"))
    for path, lines in zip((train, test), parted(fold), strict=True):
        files.write_text(path, "".join(lines))
    said = [f"data.source={train}", f"data.test={test}", "data.columns.text=text", "data.columns.label=label"]
    command = [sys.executable, "-m", "edgekit", "train", "sentiment", *said, "data.unlabelled=null", "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return False
    run = json.loads(done.stdout.splitlines()[-1])
    with np.load(ROOT / "runs" / run["name"] / run["id"] / run["kept"] / "scores.npz") as arrays:
        scores = arrays["test"].astype(np.uint8)
    with files.atomic(KEPT / f"{fold}.npy") as temporary, temporary.open("wb") as file:
        np.save(file, scores, allow_pickle=False)
    files.write_json(KEPT / f"{fold}.json", {key: run[key] for key in TOLD})
    return True


def parted(fold: int) -> tuple[list[str], list[str]]:
    """Return the lines of the training and of the test texts."""
    parts: tuple[list[str], list[str]] = ([], [])
    source = movie_snippets.ratings()
    assert source.test
    for part in (source.train, source.test):
        for text, rating in zip(part.inputs, part.targets, strict=True):
            line = json.dumps({"text": text, "label": movie_snippets.LABELS[int(rating > 0)]}, ensure_ascii=False)
            parts[zlib.crc32(text.encode()) % len(FOLDS) == fold].append(f"{line}\n")
    return parts


def told(name: str, scores: np.ndarray) -> list[str]:
    """Make a row of the table."""
    found = statistics.mean_estimate(scores)
    interval = f"{100 * found['low']:.1f} to {100 * found['high']:.1f}"
    return [name, f"{len(scores):,}", f"{100 * scores.mean():.2f} %", interval]


if __name__ == "__main__":
    sys.exit(main())
