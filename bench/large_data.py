"""Measures what a set's size costs: memory, the time to open it, and a batch of it, at 10 K, 1 M and 10 M rows.

    python bench/large_data.py           (about 700 MB of disk)

Rows of 16 float32 features and a class are made on the fly and written as shards (`write_shards`). Then each set is
opened, split and read in a process of its own, the sets in turn, so that what else the machine does meets them alike.
The first process of each set finds no notes on its files, as of files that others wrote; it also reads a whole epoch.
Anonymous memory is RssAnon of /proc/self/status, looked at every 2 ms; what stands in the table is its peak above what
the process had before it opened the set. A small network is trained (16-64-3, Adam, batches of 128, one thread).
Writes every time to bench/results/large-data-<machine>.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from recording import write

from edgekit import console, statistics
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine

SIZES = {"10 K": 10_000, "1 M": 1_000_000, "10 M": 10_000_000}
FEATURES, CLASSES, BATCH = 16, 3, 128
EXAMPLES = 128_000  # that are read, and trained on, for one time
TIMES = {"open_s": "s to open again", "batch_us": "µs a row read", "train_us": "µs a row trained"}
RATIOS = {"batch_us_ratio": "times the first", "train_us_ratio": "times the first"}  # of the same round


def main() -> int:
    """Make the sets, measure each in turn, print the table, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="processes for each set")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--whole", action="store_true", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.child:
        print(json.dumps(measured(said.child, said.whole)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        made = {name: make(Path(scratch) / f"{count}", count) for name, count in SIZES.items()}
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in SIZES}
        with Watch() as watch:
            for number in range(said.rounds):
                console.say(f"round {number + 1} of {said.rounds}")
                for name, count in SIZES.items():
                    runs[name].append(child(Path(scratch), f"{count}", whole=number == 0))
    notes = about_machine(watch.seen(), 1)
    rows = [summary(name, made[name], each, next(iter(runs.values()))) for name, each in runs.items()]
    print_rows(rows)
    for note in notes:
        console.answer(f"note: {note}")
    command = f"python bench/large_data.py --rounds {said.rounds}"
    path = write("large-data", command, {"sets": rows}, notes, threads=1, load=os.getloadavg())
    console.answer(f"record: {path}")
    return 0


def make(folder: Path, count: int) -> float:
    """Write a set of `count` rows, and return the seconds it took. The writer's notes are taken away again."""
    from edgekit.data.writing import write_shards

    def rows() -> Iterator[tuple[Any, Any]]:
        rng = np.random.default_rng(0)
        for at in range(0, count, 10_000):
            x = rng.normal(size=(min(10_000, count - at), FEATURES)).astype(np.float32)
            yield from zip(x, x[:, :CLASSES].argmax(axis=1).astype(np.uint8), strict=True)

    console.say(f"making {count:,} rows")
    began = time.perf_counter()
    write_shards(folder, rows())
    (folder / "shards.json").unlink()
    return time.perf_counter() - began


def child(scratch: Path, name: str, whole: bool) -> dict[str, float]:
    """Measure a set in a process of its own."""
    words = [sys.executable, __file__, "--child", str(scratch / name), *(["--whole"] if whole else [])]
    environment = os.environ | {"EDGEKIT_HOME": str(scratch / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(folder: Path, whole: bool) -> dict[str, float]:
    """Open the set, read it and train on it, in this process."""
    import torch
    from torch import nn

    from edgekit.data.batches import Batches
    from edgekit.data.loading import load
    from edgekit.recipe.data import Data
    from edgekit.training.batches import ArraySource

    torch.set_num_threads(1)
    network = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU(), nn.Linear(64, CLASSES))
    adam = torch.optim.Adam(network.parameters())

    def step(inputs: torch.Tensor, targets: torch.Tensor) -> None:
        adam.zero_grad()
        nn.functional.cross_entropy(network(inputs), targets).backward()
        adam.step()

    step(torch.zeros(BATCH, FEATURES), torch.zeros(BATCH, dtype=torch.int64))
    with Memory() as memory:
        began = time.perf_counter()
        dataset = load(Data(source=str(folder)), folder.parent, 0)
        fingerprint = dataset.fingerprint
        opened = time.perf_counter() - began
        assert len(fingerprint) == 64
        batches = Batches(dataset.train, batch=BATCH, seed=0, normalize=None, augment=None)
        source = ArraySource(batches)
        epochs = itertools.count()
        if whole:
            shown = sum(len(batch.targets) for batch in batches.epoch(next(epochs)))
            assert shown == batches.steps * BATCH
        read = per_row(lambda: batches.epoch(next(epochs)), lambda batch: None)
        trained = per_row(lambda: source.epoch(next(epochs)), lambda batch: step(batch.inputs, batch.targets))
    return {"open_s": opened, "batch_us": read, "train_us": trained, "anonymous": memory.peak, "before": memory.before}


def per_row(epoch: Callable[[], Iterator[Any]], do: Callable[[Any], None]) -> float:
    """Return the µs that a row takes, over as many epochs or as much of one as has `EXAMPLES` rows."""
    seen, began = 0, time.perf_counter()
    while seen < EXAMPLES:
        for batch in epoch():
            do(batch)
            seen += len(batch.targets)
            if seen >= EXAMPLES:
                break
    return (time.perf_counter() - began) / seen * 1e6


class Memory:
    """Watches this process's anonymous memory: bytes `before`, and the `peak` above them."""

    def __enter__(self) -> Memory:
        self.before, self.peak, self._ended = anonymous(), 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.peak = max(self.peak, anonymous() - self.before)
            if self._ended.wait(0.002):
                return


def anonymous() -> int:
    """Return the bytes of this process that are no file's."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


def summary(name: str, seconds: float, runs: list[dict[str, float]], first: list[dict[str, float]]) -> dict[str, Any]:
    """Sum up a set's processes: medians with intervals, also of the ratios to the smallest set's, and every value."""
    row: dict[str, Any] = {"name": name, "rows": SIZES[name], "made_s": seconds, "runs": runs}
    row["first_s"] = runs[0]["open_s"]
    row["anonymous"] = max(run["anonymous"] for run in runs)
    for what in TIMES:
        values = np.array([run[what] for run in runs[1:]])
        row[what] = middle(values)
        row[f"{what}_ratio"] = middle(values / [run[what] for run in first[1:]])
    return row


def middle(values: np.ndarray) -> dict[str, float]:
    """Return the median of `values`, one of each round, and its interval."""
    low, high = statistics.median_interval(values, np.arange(len(values)))
    return {"value": float(np.median(values)), "low": low, "high": high}


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print what each set takes."""
    lines = []
    for row in rows:
        said = {what: "{value:.3g} [{low:.3g}, {high:.3g}]".format(**row[what]) for what in (*TIMES, *RATIOS)}
        lines.append([row["name"], f"{row['anonymous'] / 1e6:.1f} MB", f"{row['first_s']:.2f}", *said.values()])
    console.table(["rows", "RssAnon", "s, first", *TIMES.values(), *RATIOS.values()], lines)


if __name__ == "__main__":
    sys.exit(main())
