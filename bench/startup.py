"""Measures what edgekit costs before it answers: its command line, importing it, and opening a bundle.

    python bench/startup.py           (make bench)

Whole processes are interleaved, so the ratios hold on a busy machine too. Modules are compiled beforehand, as pip does
when it installs. Writes every raw time, and how much memory was resident, to bench/results/startup-<machine>.json, and
ends with 1 where `edgekit --help` takes clearly more than 1.5 times what `import typer` does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recording import compared, print_table, write

from edgekit import console, locks
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine
from edgekit.latency.sampling import interleave

HELP_AT_MOST = 1.5
EDGEKIT = [sys.executable, "-m", "edgekit"]
# A network of which only the size matters: its accuracy is not asked for.
MODEL = ["distill", "digits", "--quick", "--until", "distill", "student.baseline=false", "measure.seconds=0.1"]
BARE = "import numpy, onnxruntime"
# Linux tells it in pages; what getrusage tells is at least that of the process which started this one.
RESIDENT = "import os; print(int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGESIZE') // 1024)"
ROUNDS = 15  # of the memory: programs that do the same differ by some hundred kilobytes

Programs = Mapping[str, list[str]]


def main() -> int:
    """Measure, print the tables, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each group of processes")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        console.say("making a bundle to open")
        programs = opening(make_bundle(folder))
        groups = {"commands": commands(), "opening": {name: python(code) for name, code in programs.items()}}
        measured = {}
        device = locks.Device("cpu")
        with device.quiet(), Watch() as watch:
            for name, group in groups.items():
                console.say(f"measuring {name}: {', '.join(group)}")
                calls = {each: process(folder, words) for each, words in group.items()}
                measured[name] = compared(list(interleave(calls, seconds=seconds, min_samples=20).values()))
        device.close()
        resident = memory(programs) if sys.platform == "linux" else {}
    notes = about_machine(watch.seen(), 1)
    for name, rows in measured.items():
        print_table(name, rows, "ms")
    if resident:
        print_memory(resident)
    for note in notes:
        console.answer(f"note: {note}")
    command = "python bench/startup.py" + (f" --seconds {seconds:g}" if seconds != 20 else "")
    console.answer(f"record: {write('startup', command, measured, notes, memory_kb=resident)}")
    told_help = next(row["ratio"] for row in measured["commands"] if row["name"] == "edgekit --help")
    if told_help["low"] > HELP_AT_MOST:
        console.say(f"error: edgekit --help takes more than {HELP_AT_MOST} times what import typer does")
        return 1
    return 0


def make_bundle(folder: Path) -> Path:
    """Make a small bundle by a short run of the recipe digits."""
    run = json.loads(subprocess.check_output([*EDGEKIT, *MODEL, "--json"], cwd=folder, text=True).splitlines()[-1])
    return folder / "runs" / run["name"] / run["id"] / run["bundle"]


def commands() -> Programs:
    """The command line beside the import of what draws it."""
    return {
        "import typer": python("import typer"),
        "edgekit --help": [*EDGEKIT, "--help"],
        "edgekit list": [*EDGEKIT, "list"],
        "edgekit check digits": [*EDGEKIT, "check", "digits"],
        "python alone": python("pass"),
    }


def opening(bundle: Path) -> dict[str, str]:
    """A program that opens a bundle beside one that imports what it runs on, and one that opens the bare file."""
    options = "s = onnxruntime.SessionOptions(); s.intra_op_num_threads = 1"
    session = f'onnxruntime.InferenceSession("{bundle / "model.onnx"}", s, ["CPUExecutionProvider"])'
    return {
        BARE: BARE,
        "the same, and edgekit.load imported": f"{BARE}; import edgekit; edgekit.load",
        "the same, and a bare session": f"{BARE}; {options}; kept = {session}",
        "edgekit.load(bundle)": f'import edgekit; kept = edgekit.load("{bundle}", threads=1)',
    }


def memory(programs: Mapping[str, str]) -> dict[str, list[int]]:
    """Return the memory each program has resident at its end, in kilobytes, run after run."""
    found: dict[str, list[int]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, code in programs.items():
            found[name].append(int(subprocess.check_output(python(f"{code}; {RESIDENT}"), text=True)))
    return found


def print_memory(resident: Mapping[str, list[int]]) -> None:
    """Print the medians, and what each program has beyond the first."""
    medians = {name: statistics.median(values) / 1e3 for name, values in resident.items()}
    first = next(iter(medians.values()))
    rows = [[name, f"{size:.1f}", f"{size - first:+.1f}"] for name, size in medians.items()]
    console.table(["memory", "MB resident", "MB more"], rows)


def python(code: str) -> list[str]:
    """A fresh interpreter that runs `code`."""
    return [sys.executable, "-c", code]


def process(folder: Path, words: list[str]) -> Callable[[], Any]:
    """A whole process, from its start to its end."""
    return lambda: subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
