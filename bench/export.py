"""Measures what `edgekit.export` takes beside the bare `torch.onnx.export` of the same model plus the proof.

    python bench/export.py             (make bench)

Three models: a ResNet and a MobileNet of models/, and an encoder of two transformer layers with a dynamic time. Bare
export and edgekit's take turns, so that a ratio is of two neighbours; the proof's seconds are those that the same call
of edgekit's told. Writes the seconds of every round and phase to bench/results/export-<machine>.json, and ends with 1
where the median of a model's ratios is above 1.5.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from recording import write
from torch import nn

from edgekit import console, locks, modelfile, statistics
from edgekit.exporting import shipping
from edgekit.exporting.rungs import OPSET
from edgekit.exporting.silence import silence
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine

AT_MOST = 1.5
MODELS = Path(__file__).parent.parent / "models"


class Subject(NamedTuple):
    """A model with an example, the dynamic dimensions of it by axis, and the same as a line."""

    module: nn.Module
    example: torch.Tensor
    dynamic: dict[int, str]
    line: str


def main() -> int:
    """Measure, print the table, write the record."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=7, help="for each model, after one that is not counted")
    rounds = words.parse_args().rounds
    device, groups = locks.Device("cpu"), {}
    with tempfile.TemporaryDirectory() as scratch, device.quiet(), Watch() as watch:
        for name, subject in subjects().items():
            console.say(f"measuring {name}: {rounds} rounds")
            taken = [both(subject, Path(scratch) / name) for _ in range(rounds + 1)][1:]
            groups[name] = {"rounds": taken, "ratio": summary([each["ratio"] for each in taken])}
    device.close()
    print_table(groups)
    threads = torch.get_num_threads()
    notes = about_machine(watch.seen(), threads)
    for note in notes:
        console.answer(f"note: {note}")
    command = "python bench/export.py" + (f" --rounds {rounds}" if rounds != 7 else "")
    console.answer(f"record: {write('export', command, groups, notes, threads=threads)}")
    slow = [name for name, group in groups.items() if group["ratio"]["value"] > AT_MOST]
    for name in slow:
        console.say(f"{name}: more than {AT_MOST} times the bare export and the proof")
    return 1 if slow else 0


def subjects() -> dict[str, Subject]:
    """Build the models, of random weights."""
    torch.manual_seed(0)
    image = torch.rand(2, 1, 28, 28)
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    models = {
        "ResNet, 14 layers": Subject(
            modelfile.build(MODELS / "resnet.py", {"depth": 14, "width": 32}), image, {0: "N"}, "x: float32[N,1,28,28]"
        ),
        "MobileNet": Subject(modelfile.build(MODELS / "mobilenet.py", {}), image, {0: "N"}, "x: float32[N,1,28,28]"),
        "encoder, 2 layers": Subject(encoder, torch.rand(2, 9, 64), {0: "N", 1: "T"}, "src: float32[N,T,64]"),
    }
    for each in models.values():
        each.module.eval()
    return models


def both(subject: Subject, folder: Path) -> dict[str, Any]:
    """Export once in either way; return the seconds of each, and of edgekit's phases."""
    began = time.perf_counter()
    with silence(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        symbols = {axis: torch.export.Dim(name) for axis, name in subject.dynamic.items()}
        torch.onnx.export(
            subject.module, (subject.example,), folder.with_suffix(".onnx"), dynamo=True, opset_version=OPSET,
            dynamic_shapes=(symbols,), verbose=False,
        )  # fmt: skip
    bare = time.perf_counter() - began
    began = time.perf_counter()
    done = shipping.export(subject.module, None, folder, inputs=[subject.line])
    whole = time.perf_counter() - began
    if done.exported.failures:
        raise SystemExit(f"the first rung failed: {done.exported.failures[0]}")
    return {"bare": bare, "whole": whole, "phases": done.phases, "ratio": whole / (bare + done.phases["proof"])}


def summary(ratios: list[float]) -> dict[str, Any]:
    """Return the median of all rounds with its interval."""
    values = np.array(ratios)
    low, high = statistics.median_interval(values, np.arange(len(values)))
    return {"value": float(np.median(values)), "low": low, "high": high}


def print_table(groups: dict[str, Any]) -> None:
    """Print medians in seconds, and the ratio."""
    rows = []
    for name, group in groups.items():
        phases = {phase: [each["phases"][phase] for each in group["rounds"]] for phase in group["rounds"][0]["phases"]}
        spent = {"bare": [r["bare"] for r in group["rounds"]], "whole": [r["whole"] for r in group["rounds"]], **phases}
        ratio = group["ratio"]
        told = f"{ratio['value']:.2f}" + f" [{ratio['low']:.2f}, {ratio['high']:.2f}]"
        rows.append([name, *(f"{float(np.median(each)):.2f}" for each in spent.values()), told])
    console.table(["seconds", *spent, "whole / (bare + proof)"], rows)


if __name__ == "__main__":
    sys.exit(main())
