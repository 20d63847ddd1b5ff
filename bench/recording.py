"""What the benchmarks share: how things timed together are compared, shown and written down."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edgekit
from edgekit import console, files, hardware, statistics
from edgekit.latency.comparison import speedup
from edgekit.latency.notes import Note
from edgekit.latency.samples import Samples

RESULTS = Path(__file__).parent / "results"
PACKAGES = ["numpy", "onnxruntime", "torch", "typer", "pydantic", "rich", "pyyaml"]
SCALES = {"µs": 1.0, "ms": 1e3, "s": 1e6}


def compared(group: Sequence[Samples]) -> list[dict[str, Any]]:
    """Compare each with the first, round by round: how many times as long it takes, and how many µs longer."""
    first = group[0]
    rows = []
    for samples in group:
        ratio = speedup(first, samples)  # how many times faster the first is
        mine = samples.by_round()
        added = (mine.medians - first.by_round().medians) / 1e3
        low, high = statistics.median_interval(added, mine.numbers)
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


def print_table(name: str, rows: Sequence[Mapping[str, Any]], unit: str = "µs") -> None:
    """Print a group: its medians, and what each takes beyond the first."""
    scale = SCALES[unit]
    lines = []
    for row in rows:
        ratio, added = row["ratio"], row["added_us"]
        cells = [row["name"], f"{row['summary']['p50_us'] / scale:.1f}", str(row["summary"]["n"])]
        if row is not rows[0]:
            cells.append(f"{ratio['ratio']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]")
            cells.append(f"{added['value'] / scale:+.1f} [{added['low'] / scale:+.1f}, {added['high'] / scale:+.1f}]")
        lines.append(cells)
    console.table([name, f"p50 {unit}", "n", "times the first", f"{unit} more"], lines)


def write(what: str, command: str, groups: Mapping[str, Any], notes: Sequence[Note], **more: Any) -> Path:
    """Write the record of `command` to bench/results/<what>-<machine>.json: every raw time, machine and versions."""
    path = RESULTS / f"{what}-{machine_name()}.json"
    record = {
        "schema": 1,
        "command": command,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": hardware.machine(),
        "versions": {"edgekit": edgekit.__version__, **hardware.versions(PACKAGES)},
        **more,
        "notes": [note.to_dict() for note in notes],
        "groups": groups,
    }
    files.write_text(path, json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def machine_name() -> str:
    """Name the machine after its processor, for a file's name."""
    machine = hardware.machine()
    words = re.sub(r"\((?:R|TM)\)|CPU|Processor|@.*", " ", machine["cpu"] or machine["architecture"])
    return re.sub(r"[^a-z0-9]+", "-", f"{words} {machine['cores']} cores".lower()).strip("-")
