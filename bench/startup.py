"""Measures what edgekit itself costs: its command line, opening a bundle, and a call, each beside the bare thing.

    python bench/startup.py           (make bench)

Whole processes and calls are interleaved, so the ratios hold on a busy machine too. Writes every raw time to
bench/results/startup-<machine>.json, and ends with 1 where `edgekit --help` takes clearly more than 1.5 times what
`import typer` does.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgekit
from edgekit import console, files, hardware, locks, statistics
from edgekit.latency.comparison import speedup
from edgekit.latency.notes import doubts
from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave
from edgekit.measuring.feeds import random_feeds

RESULTS = Path(__file__).parent / "results"
HELP_AT_MOST = 1.5
EDGEKIT = [sys.executable, "-m", "edgekit"]
PACKAGES = ["numpy", "onnxruntime", "typer", "pydantic", "rich", "pyyaml"]
# A network of which only the size matters: its accuracy is not asked for.
MODEL = ["distill", "digits", "--quick", "--until", "distill", "student.baseline=false", "measure.seconds=0.1"]

Calls = Mapping[str, Callable[[], object]]


def main() -> int:
    """Measure, print the table, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each group of processes")
    seconds = parser.parse_args().seconds
    load_before = hardware.load_average()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        console.say("making a bundle to open")
        bundle = make_bundle(folder)
        device = locks.Device("cpu")
        groups = {"commands": commands(folder), "opening": opening(folder, bundle), "calls": calls(bundle)}
        measured = {}
        for name, group in groups.items():
            console.say(f"measuring {name}: {', '.join(group)}")
            with device.quiet():
                measured[name] = interleave(group, seconds=1.0 if name == "calls" else seconds, min_samples=20)
        device.close()
    # A process has no more to warm up than the disk's cache, and its first run does that.
    unsettled = [name for name, samples in measured["calls"].items() if not samples.settled]
    notes = doubts(load=load_before, cores=hardware.usable_cores(), threads=1, unsettled=unsettled)
    told = {name: compared(list(group.values())) for name, group in measured.items()}
    for name, rows in told.items():
        print_table(name, rows)
    for note in notes:
        console.answer(f"note: {note}")
    path = RESULTS / f"startup-{machine_name()}.json"
    record = {
        "schema": 1,
        "command": "python bench/startup.py" + (f" --seconds {seconds:g}" if seconds != 20 else ""),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": hardware.machine(),
        "versions": {"edgekit": edgekit.__version__, **hardware.versions(PACKAGES)},
        "notes": [note.to_dict() for note in notes],
        "groups": told,
    }
    files.write_text(path, json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    console.answer(f"record: {path}")
    told_help = next(row["ratio"] for row in told["commands"] if row["name"] == "edgekit --help")
    if told_help["low"] > HELP_AT_MOST:
        console.say(f"error: edgekit --help takes more than {HELP_AT_MOST} times what import typer does")
        return 1
    return 0


def make_bundle(folder: Path) -> Path:
    """Make a small bundle by a short run of the recipe digits."""
    run = json.loads(subprocess.check_output([*EDGEKIT, *MODEL, "--json"], cwd=folder, text=True).splitlines()[-1])
    return folder / "runs" / run["name"] / run["id"] / run["bundle"]


def commands(folder: Path) -> Calls:
    """The command line beside the import of what draws it."""
    return {
        "import typer": python(folder, "import typer"),
        "edgekit --help": process(folder, [*EDGEKIT, "--help"]),
        "edgekit list": process(folder, [*EDGEKIT, "list"]),
        "edgekit check digits": process(folder, [*EDGEKIT, "check", "digits"]),
        "python alone": python(folder, "pass"),
    }


def opening(folder: Path, bundle: Path) -> Calls:
    """A program that opens a bundle beside one that imports what it runs on, and one that opens the bare file."""
    bare = "import numpy, onnxruntime"
    options = "s = onnxruntime.SessionOptions(); s.intra_op_num_threads = 1"
    session = f'onnxruntime.InferenceSession("{bundle / "model.onnx"}", s, ["CPUExecutionProvider"])'
    return {
        "import numpy, onnxruntime": python(folder, bare),
        "the same, and a session": python(folder, f"{bare}; {options}; {session}"),
        "edgekit.load": python(folder, f'import edgekit; edgekit.load("{bundle}", threads=1)'),
    }


def calls(bundle: Path) -> Calls:
    """A call through edgekit beside the same session's bare run: two sessions would differ by where they lie."""
    model = edgekit.load(bundle, threads=1)
    bare = model.session._session
    names = [tensor.name for tensor in model.outputs]
    feeds = random_feeds(model.inputs)
    image = next(iter(feeds.values()))[0]
    return {
        "session.run(feeds)": lambda: bare.run(names, feeds),
        "model(feeds)": lambda: model(feeds),
        "model.predict(image)": lambda: model.predict(image),
    }


def python(folder: Path, code: str) -> Callable[[], object]:
    """A fresh interpreter that runs `code`."""
    return process(folder, [sys.executable, "-c", code])


def process(folder: Path, words: list[str]) -> Callable[[], object]:
    """A whole process, from its start to its end."""
    return lambda: subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compared(group: Sequence[Samples]) -> list[dict[str, Any]]:
    """Compare each with the first, round by round: how many times as long it takes, and how many µs longer."""
    first = group[0]
    rows = []
    for samples in group:
        ratio = speedup(first, samples)  # how many times faster the first is
        rounds, mine = samples.by_round()
        added = (mine - first.by_round()[1]) / 1e3
        low, high = statistics.median_interval(added, rounds)
        rows.append(
            {
                "name": samples.name,
                "summary": samples.summary(),
                "ratio": ratio,
                "added_us": {"value": float(np.median(added)), "low": low, "high": high},
                "times_ns": samples.times_ns.tolist(),
                "rounds": samples.rounds.tolist(),
            }
        )
    return rows


def print_table(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a group: its medians, and what each takes beyond the first."""
    unit, scale = ("µs", 1.0) if name == "calls" else ("ms", 1e3)
    lines = []
    for row in rows:
        ratio, added = row["ratio"], row["added_us"]
        cells = [row["name"], f"{row['summary']['p50_us'] / scale:.1f}", str(row["summary"]["n"])]
        if row is not rows[0]:
            cells.append(f"{ratio['ratio']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]")
            cells.append(f"{added['value'] / scale:+.1f} [{added['low'] / scale:+.1f}, {added['high'] / scale:+.1f}]")
        lines.append(cells)
    console.table([name, f"p50 {unit}", "n", "times the first", f"{unit} more"], lines)


def machine_name() -> str:
    """Name the machine after its processor, for a file's name."""
    machine = hardware.machine()
    words = re.sub(r"\((?:R|TM)\)|CPU|Processor|@.*", " ", machine["cpu"] or machine["architecture"])
    return re.sub(r"[^a-z0-9]+", "-", f"{words} {machine['cores']} cores".lower()).strip("-")


if __name__ == "__main__":
    sys.exit(main())
