"""Measures how a training's cost grows: with processes, with data, with the size of the model; a search's with workers.

    python bench/scaling.py              (about 8 minutes; --search adds the searches, about 10 more)

The Fashion-MNIST student from labels alone, each case in processes of its own with one thread each, as torchrun would
start them; the cases take turns, and each is compared with the first in the same round. A round's time is the median of
three epochs after one that is not counted. The exchange of gradients is timed by itself between two processes. What is
expected of 8 devices and 8 machines is calculated from that, and says so. Writes bench/results/scaling-<machine>.json.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from recording import write

from edgekit import console, statistics
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine

EPOCHS = 4  # the first is not counted
EXCHANGED = (78_000, 1_000_000, 10_000_000)  # gradients of float32
SEARCHED = "digits"


class Case(NamedTuple):
    """What is trained, and how."""

    name: str
    processes: int = 1
    threads: int = 1
    examples: int = 6_400
    width: int = 16


CASES = [
    Case("1 process"),
    Case("2 processes", processes=2),
    Case("1 process, 2 threads", threads=2),
    Case("twice the data", examples=12_800),
    Case("4 times the data", examples=25_600),
    Case("half the width", width=8),
    Case("twice the width", width=32),
]


def main() -> int:
    """Measure, print the tables, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--search", action="store_true", help="searches by 1, 2 and 4 workers as well")
    parser.add_argument("--trials", type=int, default=12, help="of each search")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.worker:
        worker(json.loads(said.worker))
        return 0
    with Watch() as watch:
        groups: dict[str, Any] = {"training": trainings(said.rounds), "exchange": exchanged()}
        if said.search:
            groups["search"] = searches(said.trials)
    groups["expected"] = expected(groups)
    show(groups)
    notes = about_machine(watch.seen(), 1)
    for note in notes:
        console.answer(f"note: {note}")
    console.answer(f"record: {write('scaling', 'python bench/scaling.py --search', groups, notes)}")
    return 0


def trainings(rounds: int) -> list[dict[str, Any]]:
    """Train every case once in each round; return seconds an epoch, and the ratio to the first of the same round."""
    times: dict[str, list[float]] = {case.name: [] for case in CASES}
    sizes: dict[str, int] = {}
    for number in range(rounds):
        for case in np.random.default_rng(number).permutation(np.arange(len(CASES))):
            told = launched(CASES[case].processes, {"kind": "train", **CASES[case]._asdict()}, CASES[case].threads)
            times[CASES[case].name].append(told["seconds"])
            sizes[CASES[case].name] = told["parameters"]
        console.say(f"round {number + 1} of {rounds}")
    first = np.array(times[CASES[0].name])
    rows = []
    for case in CASES:
        ratios = np.array(times[case.name]) / first
        low, high = statistics.median_interval(ratios, np.arange(rounds))
        ratio = {"value": float(np.median(ratios)), "low": low, "high": high}
        rows.append({**case._asdict(), "parameters": sizes[case.name], "seconds": times[case.name], "ratio": ratio})
    return rows


def exchanged() -> list[dict[str, Any]]:
    """Time the sum of so many numbers over two processes here."""
    told = launched(2, {"kind": "exchange"}, 1)
    return [{"numbers": int(count), "us": us} for count, us in told.items()]


def launched(processes: int, what: dict[str, Any], threads: int) -> dict[str, Any]:
    """Start `processes` of this script together, and return what the first one found."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        started = []
        for rank in range(processes):
            told = {"RANK": rank, "WORLD_SIZE": processes, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": processes}
            told |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": threads}
            command = [sys.executable, __file__, "--worker", json.dumps(what | {"folder": folder})]
            environment = os.environ | {name: str(value) for name, value in told.items()}
            started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        out = [process.communicate()[0] for process in started]
        if any(process.returncode for process in started):
            raise SystemExit(f"{what} failed")
        found: dict[str, Any] = json.loads(out[0].splitlines()[-1])
        return found


def worker(what: dict[str, Any]) -> None:
    """Do, as one of the processes, what was asked for; the first one prints what it found."""
    from edgekit.training import together

    with together.joined():
        found = timed_exchange() if what["kind"] == "exchange" else timed_training(what)
        if together.here().leads:
            print(json.dumps(found))


def timed_training(what: dict[str, Any]) -> dict[str, Any]:
    """Train the Fashion-MNIST student on some of the examples; return the median seconds of an epoch."""
    from edgekit import locks
    from edgekit.data.batches import Batches
    from edgekit.data.dataset import Split
    from edgekit.recipe.loading import load
    from edgekit.training.batches import ArraySource
    from edgekit.training.loop import HISTORY, fit
    from edgekit.training.objective import Supervised
    from edgekit.workflow.preparing import prepare

    job = prepare(load("fashion-mnist", [f"student.args.width={what['width']}"]))
    assert job.student
    settings = job.student.train.model_copy(update={"epochs": EPOCHS})
    whole = job.source(settings, 0).batches  # type: ignore[attr-defined]
    split = Split(whole.split.inputs[: what["examples"]], whole.split.targets[: what["examples"]])
    source = ArraySource(Batches(split, batch=settings.batch, seed=0, normalize=whole.normalize, augment=whole.augment))
    network, folder, device = job.student.make(), Path(what["folder"]), locks.Device("cpu")
    fit(
        network, source, Supervised(job.losses), settings,
        name="student", folder=folder, key="bench", seed=0, device=device,
    )  # fmt: skip
    device.close()
    seconds = [json.loads(line)["seconds"] for line in (folder / HISTORY).read_text().splitlines()]
    return {"seconds": float(np.median(seconds[1:])), "parameters": sum(each.numel() for each in network.parameters())}


def timed_exchange() -> dict[int, list[float]]:
    """Time the mean over all processes of so many numbers; return microseconds, 20 of each."""
    import torch

    from edgekit.training import together

    found = {}
    for count in EXCHANGED:
        values, taken = torch.zeros(count), []
        for _ in range(22):
            together.wait()
            began = time.perf_counter()
            together.mean(values)
            taken.append((time.perf_counter() - began) * 1e6)
        found[count] = taken[2:]
    return found


def searches(trials: int) -> list[dict[str, Any]]:
    """Search with 1, 2 and 4 workers, each anew; return the seconds of each."""
    rows = []
    for jobs in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "edgekit", "search", SEARCHED, "--trials", str(trials)]
            command += ["--jobs", str(jobs), "--runs", folder, "--json"]
            began = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True)
            taken = time.monotonic() - began
            if done.returncode:
                raise SystemExit(done.stderr)
            record = json.loads(done.stdout.splitlines()[-1])
        states = [trial["state"] for trial in record["trials"]]
        rows.append({"jobs": jobs, "trials": trials, "seconds": taken, "states": states})
        console.say(f"search by {jobs}: {taken:.0f} s")
    return rows


def expected(groups: dict[str, Any]) -> list[dict[str, Any]]:
    """Calculate what 8 of them would reach: a step's computation in 8 parts, and a ring's exchange of the gradients.

    Of n in a ring each sends 2 (n - 1) / n of the gradients, in 2 (n - 1) messages (Patarasu and Yuan 2009,
    doi 10.1016/j.jpdc.2008.09.002). Bandwidths and delays are assumed, and named.
    """
    measured = {row["name"]: row for row in groups["training"]}
    steps = {name: float(np.median(row["seconds"])) / (row["examples"] // 128) for name, row in measured.items()}
    small, wide = "1 process", "twice the width"
    machines = [("1 Gbit/s, 100 µs a message", 125e6, 100e-6), ("10 Gbit/s, 50 µs a message", 1.25e9, 50e-6)]
    cases = [
        (f"8 machines of one core, {said}", measured[name]["parameters"], steps[name], bandwidth, delay)
        for said, bandwidth, delay in machines
        for name in (small, wide)
    ]
    cases += [
        (f"8 GPUs, {step * 1e3:g} ms a step on one, 20 GB/s, 20 µs a message", parameters, step, 20e9, 20e-6)
        for parameters, step in ((measured[small]["parameters"], 5e-3), (23_000_000, 50e-3))
    ]
    rows = []
    for name, parameters, compute, bandwidth, delay in cases:
        exchange = 2 * 7 / 8 * 4 * parameters / bandwidth + 2 * 7 * delay
        told = {"name": name, "parameters": parameters, "step": compute, "exchange": exchange}
        rows.append({**told, "faster": compute / (compute / 8 + exchange)})
    return rows


def show(groups: dict[str, Any]) -> None:
    """Print the tables."""
    rows = [
        [row["name"], f"{row['examples']:,}", console.number(row["parameters"]), f"{np.median(row['seconds']):.2f}",
         f"{row['ratio']['value']:.2f} [{row['ratio']['low']:.2f}, {row['ratio']['high']:.2f}]"]
        for row in groups["training"]
    ]  # fmt: skip
    console.table(["an epoch", "examples", "parameters", "seconds", "times the first"], rows)
    times = [[console.number(row["numbers"]), f"{np.median(row['us']):,.0f}"] for row in groups["exchange"]]
    console.table(["exchanged by two processes", "p50 µs"], times)
    if "search" in groups:
        first = groups["search"][0]["seconds"]
        found = [
            [str(row["jobs"]), f"{row['seconds']:.0f}", f"{first / row['seconds']:.2f}"] for row in groups["search"]
        ]
        console.table([f"workers, {groups['search'][0]['trials']} trials", "seconds", "times as fast"], found)
    told = [
        [row["name"], console.number(row["parameters"]), f"{row['step'] * 1e3:.1f}", f"{row['exchange'] * 1e3:.1f}",
         f"{row['faster']:.1f}"]
        for row in groups["expected"]
    ]  # fmt: skip
    console.table(["by calculation", "parameters", "ms a step of one", "ms exchange", "times as fast"], told)


if __name__ == "__main__":
    sys.exit(main())
