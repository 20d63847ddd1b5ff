"""Measures how far the verdicts of a comparison can be trusted, beside the ways that are common elsewhere.

    python bench/validity.py          200 trials of each model; it goes on where it stopped

A trial opens a model anew three times over: as itself, as itself again, and as a version slowed by 5 %, and times them
as `edgekit bench` does, for 2 to 7 seconds, opening included. A difference between the first two is a false claim; the
third is to be called slower. In the same trial, on the first session that was opened of each, come the common ways: one
after the other, 10 calls to warm up, then 20 or 100 that count, and a difference is claimed where the means are more
than 2 % apart, or where mean ± standard deviation do not overlap.

The slowed version is the same call, then a busy wait of 5 % of the call's time as measured before the first trial; for
short calls less what the waiting's own instructions take, so that in turns with the plain call on one session it takes
5 % more. The record keeps the wait and what it was found to do.
Models are made from seeds. The machine need not be quiet, and no
lock is taken. Every trial is written to bench/results/validity.json as it ends. 1 where the verdicts miss 5 and 90 %.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from call import network
from onnx import numpy_helper, parser
from recording import PACKAGES, RESULTS

import edgekit
from edgekit import console, files, hardware, statistics
from edgekit.errors import DataError, EdgekitError
from edgekit.latency.comparison import speedup, verdict
from edgekit.latency.conditions import Watch
from edgekit.latency.copies import Opener
from edgekit.latency.sampling import interleave
from edgekit.latency.settling import Call
from edgekit.runtime.session import open_session

PATH = RESULTS / "validity.json"
SLOWED = 0.05
FALSE_AT_MOST, FOUND_AT_LEAST = 0.05, 0.90
SECONDS = {"64 KB": 2.0, "1 MB": 5.0, "25 MB": 7.0, "convolutions": 2.0}  # of a trial, the common ways not included
MIN_ROUNDS = 8  # so that a trial takes no longer on a machine where many wait for a core
WIDTHS = {"64 KB": (64,) * 5, "1 MB": (256,) * 5, "25 MB": (1024,) * 7}  # of fully connected layers
CONVOLUTIONS = (1, 24, 48, 96)  # channels, 28 x 28, a stride of 2 from the second on: 0.2 MB
WARM_UP, COUNTS = 10, (20, 100)
LONG_NS = 20_000  # of a wait, beside which its own instructions are nothing
RULES = {"means 2 % apart": "apart", "mean ± std": "overlap"}
VERSIONS = ("same", "slowed")


def main() -> int:
    """Run the trials that are missing, and print how often which way claimed a difference."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--trials", type=int, default=200, help="of each model; those in the record count")
    words.add_argument("--seconds", type=float, help="for a trial of any model, the common ways not included")
    words.add_argument("--output", type=Path, default=PATH)
    said = words.parse_args()
    try:
        record = begun(said.output, dict.fromkeys(SECONDS, said.seconds) if said.seconds else SECONDS)
        with tempfile.TemporaryDirectory() as scratch:
            run(record, models(Path(scratch)), said)
    except EdgekitError as error:
        console.say(error.render())
        return 1
    told = {name: rates(trials) for name, trials in record["trials"].items() if trials}
    show(told)
    return judged(told)


def begun(path: Path, seconds: dict[str, float]) -> dict[str, Any]:
    """Read the record to go on with, or begin one; DataError where it was made with other settings."""
    header = {
        "schema": 1,
        "machine": hardware.machine(),
        "versions": {"edgekit": edgekit.__version__, **hardware.versions(PACKAGES)},
        "settings": {"seconds": seconds, "slowed": SLOWED, "warm_up": WARM_UP, "counts": list(COUNTS)},
    }
    if not path.exists():
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return {**header, "created": now, "calibration": {}, "trials": {}}
    known: dict[str, Any] = files.read_json(path)
    for key, value in header.items():
        if known.get(key) != value:
            raise DataError(f'"{path}" was measured with another "{key}"', "remove it to measure all again")
    return known


def run(record: dict[str, Any], paths: Mapping[str, Path], said: argparse.Namespace) -> None:
    """Run the missing trials, one of each model after the other, and write the record after every one."""
    for number in range(said.trials):
        for name, path in paths.items():
            done = record["trials"].setdefault(name, [])
            if len(done) > number:
                continue
            if name not in record["calibration"]:
                record["calibration"][name] = calibrated(path)
            wait, seconds = record["calibration"][name]["wait_ns"], record["settings"]["seconds"][name]
            done.append(trial(path, wait, seconds, number))
            files.write_text(said.output, json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
            console.say(f"{name} {number + 1} of {said.trials}: {told_of(done[-1])}")


def trial(path: Path, wait: float, seconds: float, seed: int) -> dict[str, Any]:
    """Time a model against itself and against its slowed version; raw ratios, intervals and verdicts."""
    began = time.monotonic()
    opened: dict[str, list[Call]] = {name: [] for name in ("model", *VERSIONS)}

    def subject(name: str) -> Call:
        call = one_call(path)
        opened[name].append(slowed(call, wait) if name == "slowed" else call)
        return opened[name][-1]

    with Watch() as watch:
        openers = {name: Opener(partial(subject, name)) for name in opened}
        taken = interleave(openers, seconds=seconds, min_rounds=MIN_ROUNDS, seed=seed, progress=watch)
    seen, spent = watch.seen(), time.monotonic() - began
    speeds = {name: speedup(taken[name], taken["model"]) for name in VERSIONS}
    return {
        "seconds": spent,
        "others_busy": seen.others,
        "copies": int(taken["model"].copies.max()) + 1,
        "p50_us": taken["model"].p50,
        "n": len(taken["model"]),
        "edgekit": {name: speed | {"verdict": verdict(speed)} for name, speed in speeds.items()},
        "common": {str(count): common({name: calls[0] for name, calls in opened.items()}, count) for count in COUNTS},
    }


def common(calls: Mapping[str, Call], count: int) -> dict[str, dict[str, float]]:
    """Time one call after the other as is common: mean and standard deviation of `count` times, in µs."""
    found = {}
    for name, call in calls.items():
        for _ in range(WARM_UP):
            call()
        times = np.zeros(count)
        for index in range(count):
            began = time.perf_counter()
            call()
            times[index] = time.perf_counter() - began
        found[name] = {"mean": 1e6 * float(times.mean()), "std": 1e6 * float(times.std(ddof=1))}
    return found


def claimed(rule: str, model: Mapping[str, float], other: Mapping[str, float]) -> str:
    """Give the verdict of one of RULES on `other` against `model`, in edgekit's words."""
    near = other["mean"] / model["mean"] - 1
    clear = abs(near) > 0.02 if rule == "apart" else abs(other["mean"] - model["mean"]) > other["std"] + model["std"]
    return ("slower" if near > 0 else "faster") if clear else "no clear difference"


def rates(trials: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Count by way of comparing: {"false": claims about the same, "found": the slowed called slower}, of n."""

    def share(hits: Sequence[bool]) -> dict[str, float]:
        low, high = statistics.wilson(sum(hits), len(hits))
        return {"value": sum(hits) / len(hits), "low": low, "high": high, "n": len(hits)}

    ways: dict[str, Callable[[dict[str, Any], str], str]] = {"edgekit": lambda one, v: one["edgekit"][v]["verdict"]}
    for count in COUNTS:
        for label, rule in RULES.items():
            ways[f"{count} runs, {label}"] = lambda one, v, count=count, rule=rule: claimed(  # type: ignore[misc]
                rule, one["common"][str(count)]["model"], one["common"][str(count)][v]
            )
    return {
        way: {
            "false": share([said(one, "same") != "no clear difference" for one in trials]),
            "found": share([said(one, "slowed") == "slower" for one in trials]),
        }
        for way, said in ways.items()
    }


def show(told: Mapping[str, dict[str, dict[str, dict[str, float]]]]) -> None:
    """Print a row for each model and way of comparing."""

    def percent(share: Mapping[str, float]) -> str:
        return f"{100 * share['value']:.1f} % [{100 * share['low']:.1f}, {100 * share['high']:.1f}]"

    lines = [
        [model, way, percent(found["false"]), percent(found["found"]), f"{found['false']['n']:g}"]
        for model, ways in told.items()
        for way, found in ways.items()
    ]
    console.table(["model", "compared by", "itself called different", "5 % slower found", "trials"], lines)


def judged(told: Mapping[str, dict[str, dict[str, dict[str, float]]]]) -> int:
    """Return 1, and say why, where the verdicts of all trials together miss what they must reach."""
    sums = {what: [ways["edgekit"][what] for ways in told.values()] for what in ("false", "found")}
    n = sum(each["n"] for each in sums["false"])
    false, found = (sum(each["value"] * each["n"] for each in sums[what]) / n for what in ("false", "found"))
    console.answer(f"all models: a difference claimed in {100 * false:.1f} %, the slowed found in {100 * found:.1f} %")
    if false > FALSE_AT_MOST or found < FOUND_AT_LEAST:
        console.say(f"error: at most {100 * FALSE_AT_MOST:g} % and at least {100 * FOUND_AT_LEAST:g} % are asked for")
        return 1
    return 0


def told_of(one: Mapping[str, Any]) -> str:
    """Tell of a trial in one line."""
    speeds = [f"{v} {s['ratio']:.3f} [{s['low']:.3f}, {s['high']:.3f}]" for v, s in one["edgekit"].items()]
    return f"{', '.join(speeds)}, {one['copies']} copies, {one['seconds']:.1f} s"


def slowed(call: Call, wait: float) -> Call:
    """Make a call that is followed by a busy wait of so many ns."""
    clock = time.perf_counter_ns

    def slow() -> None:
        call()
        until = clock() + wait
        while clock() < until:
            pass

    return slow


def calibrated(path: Path) -> dict[str, float]:
    """Find the wait that makes a call take 5 % more: {"wait_ns", "slowed"}, the latter what it was found to do."""
    plain = one_call(path)
    wait = SLOWED * min(slowing_of(plain, plain)[1] for _ in range(3))
    if wait < LONG_NS:
        for _ in range(6):
            slowing, typical = slowing_of(plain, slowed(plain, wait))
            wait = max(wait + (1 + SLOWED - slowing) * typical / 2, 0)
    return {"wait_ns": wait, "slowed": slowing_of(plain, slowed(plain, wait))[0]}


def slowing_of(plain: Call, slow: Call, seconds: float = 2.0) -> tuple[float, float]:
    """Return how many times as long `slow` takes, and how long `plain` does in ns.

    Both on one session, in turns of 100 calls, by the lowest deciles of all: neighbours only lengthen a call.
    """
    calls: tuple[tuple[Call, list[int]], ...] = ((plain, []), (slow, []))
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for call, found in calls:
            for _ in range(100):
                began = time.perf_counter_ns()
                call()
                found.append(time.perf_counter_ns() - began)
    base, longer = (float(np.quantile(found, 0.1)) for _, found in calls)
    return longer / base, base


def one_call(path: Path) -> Call:
    """Open a session of one thread, and return the bare run of it on one row of zeros."""
    session = open_session(path, threads=1)
    shape = [size if isinstance(size, int) else 1 for size in session.inputs[0].shape]
    return partial(session.run, {session.inputs[0].name: np.zeros(shape, np.float32)})


def models(folder: Path) -> dict[str, Path]:
    """Write the models that are compared with themselves."""
    made = {name: network(widths) for name, widths in WIDTHS.items()}
    made["convolutions"] = convolutions(CONVOLUTIONS)
    paths = {name: folder / f"{name.replace(' ', '-')}.onnx" for name in made}
    for name, path in paths.items():
        onnx.save(made[name], path)
    return paths


def convolutions(channels: tuple[int, ...]) -> onnx.ModelProto:
    """Make a small network of convolutions, the kind that a student is, of random weights."""
    draw = np.random.default_rng(0)
    lines, last = [], "x"
    for n in range(1, len(channels)):
        stride = 1 if n == 1 else 2
        lines.append(
            f"c{n} = Conv<pads = [1, 1, 1, 1], strides = [{stride}, {stride}]>({last}, w{n}) r{n} = Relu(c{n})"
        )
        last = f"r{n}"
    lines.append(f"p = GlobalAveragePool({last}) f = Flatten(p) y = MatMul(f, w)")
    head = '<ir_version: 10, opset_import: ["" : 20]> net (float[N,1,28,28] x) => (float[N,10] y)'
    made = parser.parse_model(f"{head} {{ {' '.join(lines)} }}")
    shapes = {f"w{n}": (channels[n], channels[n - 1], 3, 3) for n in range(1, len(channels))}
    for name, shape in {**shapes, "w": (channels[-1], 10)}.items():
        weights = draw.standard_normal(shape).astype(np.float32) / np.float32(np.prod(shape[1:]) ** 0.5)
        made.graph.initializer.append(numpy_helper.from_array(weights, name))
    return made


if __name__ == "__main__":
    sys.exit(main())
