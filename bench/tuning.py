"""Measures what `edgekit tune` gives, and that it makes no model slower: ten models, alone and beside a busy program.

    python bench/tuning.py           (11 minutes)

Each model is tuned in a process of its own, and then, in another, timed as `edgekit.load` opens it: with what was found
and without, sessions by turns. That is done alone; beside a program that keeps a core busy all the while; and beside it
with what was found alone. What is measured is written to bench/results/tuning.json at once, and a run that was cut off
goes on there. Ends with 1 where a model is clearly slower than its default.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import recording
import small_models

import edgekit
from edgekit import console, files, hardware
from edgekit.latency import comparison
from edgekit.measuring.feeds import random_feeds
from edgekit.measuring.searching import DEFAULT
from edgekit.measuring.turns import Turns
from edgekit.runtime.session import Session
from edgekit.runtime.tuned import Tuned

PATH = recording.RESULTS / "tuning.json"
# How it is tuned, how it is measured: whether the other program runs.
CONDITIONS = {"alone": (False, False), "busy": (True, True), "tuned alone, busy": (False, True)}
NEIGHBOUR = "while True: pass"
FEWEST = 8  # rounds of a measurement


def main() -> int:
    """Tune and measure what the record lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for the tuning of a model")
    parser.add_argument("--measure-seconds", type=float, default=6.0, help="for measuring it afterwards")
    parser.add_argument("--models", nargs="+", choices=small_models.MODELS, default=list(small_models.MODELS))
    parser.add_argument("--output", type=Path, default=PATH)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)  # a bundle, in the process that measures it
    said = parser.parse_args()
    if said.measure:
        console.result(measured(said.measure, said.measure_seconds))
        return 0
    record = begun(said.output, {"tune_seconds": said.seconds, "measure_seconds": said.measure_seconds})
    for name in said.models:
        for condition, where in CONDITIONS.items():
            if condition not in record["results"].setdefault(name, {}):
                console.say(f"{name}: {condition}")
                told = record["results"][name].get("busy" if where[0] else "alone", {}).get("tuning")
                record["results"][name][condition] = tried(name, where, said, told)
                files.write_text(said.output, json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    print_table(record["results"])
    slower = [
        f"{name} ({condition})"
        for name, row in record["results"].items()
        for condition, told in row.items()
        if stands(told) == "slower"
    ]
    console.answer(f"clearly slower than the default: {', '.join(slower) or 'none'}")
    console.answer(f"record: {said.output}")
    return 1 if slower else 0


def begun(path: Path, settings: dict[str, float]) -> dict[str, Any]:
    """Read the record to go on with, or make an empty one; another machine, other versions or settings begin anew."""
    head = {
        "schema": 1,
        "command": "python bench/tuning.py",
        "settings": settings,
        "machine": hardware.machine(),
        "versions": {"edgekit": edgekit.__version__, **hardware.versions(["numpy", "onnxruntime", "onnx"])},
    }
    found = files.read_json(path)
    if isinstance(found, dict) and all(found.get(key) == value for key, value in head.items()):
        return found
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {**head, "created": created, "results": {}}


def tried(name: str, where: tuple[bool, bool], said: argparse.Namespace, told: Any) -> dict[str, Any]:
    """Tune a model under one condition, or take what was `told` of it before, and measure it under another."""
    tuned_busy, measured_busy = where
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        home = folder / "home"
        bundle = small_models.bundle(name, folder / "bundle")
        environment = {**os.environ, "EDGEKIT_HOME": str(home)}
        if told is None:
            with neighbour(tuned_busy):
                told = tune(bundle, said.seconds, environment)
        kept = home / "tuned" / told["file"]
        files.write_json(kept, {key: value for key, value in told.items() if key != "file"})
        words = [sys.executable, __file__, "--measure", str(bundle), "--measure-seconds", str(said.measure_seconds)]
        with neighbour(measured_busy):
            found = json.loads(subprocess.check_output(words, env=environment, text=True).splitlines()[-1])
        shutil.rmtree(home)
    return {"tuning": told, **found}


def tune(bundle: Path, seconds: float, environment: dict[str, str]) -> dict[str, Any]:
    """Run `edgekit tune`; where it says that the seconds are too few, with as many as it asks for."""
    words = [sys.executable, "-m", "edgekit", "tune", str(bundle), "--json", "--seconds"]
    done = subprocess.run([*words, f"{seconds:g}"], env=environment, capture_output=True, text=True)
    if done.returncode and (more := re.search(r"hint: --seconds (\d+)", done.stderr)):
        done = subprocess.run([*words, more[1]], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    place = Path(told["file"])
    return told | {"file": f"{place.parent.name}/{place.name}"}  # where the rest of it lay is nobody else's business


def measured(bundle: Path, seconds: float) -> dict[str, Any]:
    """Time a bundle as it is opened with what was found for it, and without, by turns."""
    found = edgekit.load(bundle)
    feeds = random_feeds(found.session.inputs, seed=1)
    ways = {"default": DEFAULT, "tuned": Tuned(said="tuned")}

    def open(way: Tuned) -> Session:
        return edgekit.load(bundle, verify=False, tuned=bool(way.said)).session

    taken = Turns(open, feeds)(ways, seconds, FEWEST)
    speed = comparison.speedup(taken["tuned"], taken["default"])
    return {
        "where": found.session.where(),
        "speedup": speed,
        "p50_us": {name: samples.p50 for name, samples in taken.items()},
        "rounds_us": {name: np.round(samples.by_round().medians / 1e3, 2).tolist() for name, samples in taken.items()},
    }


@contextlib.contextmanager
def neighbour(wanted: bool) -> Iterator[None]:
    """Keep a core busy by another program, where that is wanted."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) as process:
        try:
            yield
        finally:
            process.kill()


def stands(told: dict[str, Any]) -> str:
    """Say how what was found compares; where that is the default, both sessions have the same settings."""
    return "the same settings" if told["tuning"]["setting"] == str(DEFAULT) else comparison.verdict(told["speedup"])


def print_table(results: dict[str, Any]) -> None:
    """Print a row for each model and condition."""
    lines = []
    for name, row in results.items():
        for condition, told in row.items():
            speed, times = told["speedup"], told["p50_us"]
            lines.append(
                [
                    name if condition == "alone" else "",
                    condition,
                    told["tuning"]["setting"],
                    f"{times['default']:,.0f}",
                    f"{times['tuned']:,.0f}",
                    f"{speed['ratio']:.2f}× [{speed['low']:.2f}, {speed['high']:.2f}]",
                    stands(told),
                ]
            )
    console.table(["model", "", "setting", "default µs", "tuned µs", "speed", ""], lines, left=3)


if __name__ == "__main__":
    sys.exit(main())
