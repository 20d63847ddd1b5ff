"""Trains the teacher of `sentiment` five times, each time with another fifth of the movie snippets held out as test.

    python bench/folds.py              (62 minutes beside other trainings on 2 cores; make data brings what it needs)
    python bench/folds.py --plain      without adversarial training (34 minutes, as much beside it)
    python bench/folds.py --folds 0 3  these alone

The fifths go by what the texts' CRC-32 leaves when divided by 5; the recipe's own test is the one that leaves 0. Each
text is answered by a network that was trained without it, so that all 10,568 tell what the setting is worth, of which
one fifth is a small sample. bench/results/folds gets each fold's run as soon as it is done; what is there is kept,
also where the recipe has changed since: remove it to train again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import numpy as np
from results import RESULTS, ROOT, TOLD

from edgekit import console, files, metric, statistics
from edgekit.data.sources import movie_snippets

FOLDS = range(movie_snippets.FOLDS)
KEPT = RESULTS / "folds"
PLAIN = "-plain"  # behind a fold's number


def main() -> int:
    """Train what is missing and print a row for each fold, and all together; 1 where a training failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, nargs="+", choices=FOLDS, default=list(FOLDS), help="these alone")
    parser.add_argument("--plain", action="store_true", help="train without adversarial training")
    said = parser.parse_args()
    for fold in said.folds:
        if scores(fold, said.plain) is None and not trained(fold, said.plain):
            console.say(f"error: the training of fold {fold} failed, as was told above")
            return 1
    rows = [(f"{fold}", scores(fold), scores(fold, plain=True)) for fold in FOLDS]
    whole = [row for row in rows if row[1] is not None and row[2] is not None]
    if whole:
        rows.append(("these together", *(np.concatenate([row[at] for row in whole]) for at in (1, 2))))
    headers = ["held out", "texts", "accuracy", "95 %", "not adversarial", "95 %", "difference"]
    console.table(headers, [told(*row) for row in rows])
    return 0


def scores(fold: int, plain: bool = False) -> np.ndarray | None:
    """Return which test texts of a fold were answered rightly, float64 (n,); None where it was not trained yet."""
    path = KEPT / f"{fold}{PLAIN * plain}.npy"
    return np.load(path, allow_pickle=False).astype(np.float64) if path.is_file() else None


def trained(fold: int, plain: bool) -> bool:
    """Train with a fold held out and keep the run's record and test scores; False where it fails."""
    folder = ROOT / "runs" / "folds" / str(fold)
    train, test = (folder / f"{name}.jsonl" for name in ("train", "test"))
    for path, lines in zip((train, test), parted(fold), strict=True):
        files.write_text(path, "".join(lines))
    said = [f"data.{key}=../{path.relative_to(ROOT)}" for key, path in (("source", train), ("test", test))]
    said += ["data.columns.text=text", "data.columns.label=label"]
    said += ["data.unlabelled=null", *(["teacher.train.adversarial=0"] if plain else [])]
    command = [sys.executable, "-m", "edgekit", "train", "sentiment", *said, "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return False
    run = json.loads(done.stdout.splitlines()[-1])
    with np.load(ROOT / "runs" / run["name"] / run["id"] / run["kept"] / "scores.npz") as arrays:
        right = arrays["test"].astype(np.uint8)
    files.write_json(KEPT / f"{fold}{PLAIN * plain}.json", {key: run[key] for key in TOLD})
    with files.atomic(KEPT / f"{fold}{PLAIN * plain}.npy") as temporary, temporary.open("wb") as file:
        np.save(file, right, allow_pickle=False)
    return True


def parted(fold: int) -> tuple[list[str], list[str]]:
    """Return the lines of the training and of the test texts."""
    parts: tuple[list[str], list[str]] = ([], [])
    source = movie_snippets.ratings()
    assert source.test
    for part in (source.train, source.test):
        for text, rating in zip(part.inputs, part.targets, strict=True):
            line = json.dumps({"text": text, "label": movie_snippets.LABELS[int(rating > 0)]}, ensure_ascii=False)
            parts[movie_snippets.fold(text) == fold].append(f"{line}\n")
    return parts


def told(name: str, adversarial: np.ndarray | None, plain: np.ndarray | None) -> list[str]:
    """Make a row of the table."""
    known = [each for each in (adversarial, plain) if each is not None]
    row = [name, f"{len(known[0]):,}" if known else ""]
    for each in (adversarial, plain):
        row += ["", ""] if each is None else estimated(each)
    if adversarial is None or plain is None:
        return [*row, ""]
    change = statistics.paired_change(adversarial, plain)
    return [*row, metric.Metric("accuracy").changed(change["points"], change["low"], change["high"])]


def estimated(right: np.ndarray) -> list[str]:
    """Say a share and its interval."""
    found = statistics.mean_estimate(right)
    return [f"{100 * found['value']:.2f} %", f"{100 * found['low']:.1f} to {100 * found['high']:.1f}"]


if __name__ == "__main__":
    sys.exit(main())
