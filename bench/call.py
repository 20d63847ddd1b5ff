"""Measures what a call through edgekit costs beside the bare run of the same session, and optimum's ORTModel beside it.

    python bench/call.py              (make bench)

All calls take turns on one session of one thread, so the differences hold on a busy machine too. A bound call is timed
with the writing of its input. Writes every raw time to bench/results/call-<machine>.json, and ends with 1 where
`model(feeds)` takes clearly more than 3 µs over the bare run, or a bound call is not clearly faster than it.

optimum is left out where it is not installed. It needs PyTorch, and an environment of its own:

    python -m venv optimum && optimum/bin/pip install -e ".[cpu,tools]" "optimum-onnx[onnxruntime]"
    optimum/bin/python bench/call.py
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, parser
from recording import compared, print_table, write

import edgekit
from edgekit import console, hardware, locks
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine, about_times
from edgekit.latency.notes import Note
from edgekit.latency.sampling import interleave
from edgekit.runtime.model import Model

ADDED_AT_MOST = 3.0  # µs
WIDTHS = {"smallest": (16, 16, 16, 4), "small": (256, 512, 256, 10)}  # the second is about 20 µs on a server's core


def main() -> int:
    """Measure, print the tables, write the record."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=float, default=2.0, help="for each model")
    seconds = words.parse_args().seconds
    device, groups = locks.Device("cpu"), {}
    found: list[Note] = []
    with tempfile.TemporaryDirectory() as scratch, device.quiet(), Watch() as watch:
        for name, widths in WIDTHS.items():
            path = Path(scratch) / f"{name}.onnx"
            onnx.save(network(widths), path)
            with edgekit.load(path, threads=1) as model:
                calls = ways(model)
                console.say(f"measuring {name}: {', '.join(calls)}")
                measured = interleave(calls, seconds=seconds)
            found += [note for samples in measured.values() for note in about_times(samples)]
            groups[name] = compared(list(measured.values()))
    device.close()
    # One session is what is compared here: how sessions differ is no doubt.
    notes = about_machine(watch.seen(), 1) + [note for note in found if note.kind != "one-copy"]
    for name, rows in groups.items():
        print_table(name, rows)
    for note in notes:
        console.answer(f"note: {note}")
    if not has_optimum():
        console.answer("note: optimum is not installed, and left out: bench/call.py says how to measure it")
    command = "python bench/call.py" + (f" --seconds {seconds:g}" if seconds != 2 else "")
    peers = hardware.versions(["optimum", "optimum-onnx", "transformers"])
    console.answer(f"record: {write('call', command, groups, notes, peers=peers)}")
    return judged(groups["small"])


def network(widths: tuple[int, ...]) -> onnx.ModelProto:
    """Make fully connected layers of such widths: x: float32[N,first] -> y: float32[N,last], of random weights."""
    draw = np.random.default_rng(0)
    layers = range(len(widths) - 1)
    lines = [f"h{n} = MatMul({f'r{n - 1}' if n else 'x'}, w{n}) r{n} = Relu(h{n})" for n in layers]
    lines[-1] = lines[-1].replace(f"r{layers[-1]} =", "y =")
    head = f'<ir_version: 10, opset_import: ["" : 20]> net (float[N,{widths[0]}] x) => (float[N,{widths[-1]}] y)'
    made = parser.parse_model(f"{head} {{ {' '.join(lines)} }}")
    for n in layers:
        weights = draw.standard_normal(widths[n : n + 2]).astype(np.float32) / widths[n] ** 0.5
        made.graph.initializer.append(numpy_helper.from_array(weights, f"w{n}"))
    return made


def ways(model: Model) -> dict[str, Callable[[], object]]:
    """The bare run first, then each way of calling the same session on the same row."""
    bare = model.session._session
    x = np.random.default_rng(1).standard_normal((1, model.inputs[0].shape[1])).astype(np.float32)
    feeds, names = {"x": x}, ["y"]
    bound = model.bind(batch=1)
    room = bound.inputs["x"]

    def write_and_run() -> None:
        room[:] = x
        bound.run()

    calls: dict[str, Callable[[], object]] = {
        "session.run(feeds)": lambda: bare.run(names, feeds),
        "model(feeds)": lambda: model(feeds),
        "model(array)": lambda: model(x),
        "bound call": write_and_run,
    }
    return calls | (optimum(bare, x) if has_optimum() else {})


def has_optimum() -> bool:
    """Say whether optimum's ORTModel can be imported here."""
    return all(importlib.util.find_spec(name) for name in ("optimum", "transformers", "torch"))


def optimum(session: Any, x: np.ndarray) -> dict[str, Callable[[], object]]:
    """The same session in optimum's wrapper, given numpy's arrays and torch's."""
    import torch
    from optimum.onnxruntime import ORTModelForCustomTasks
    from transformers import PretrainedConfig

    torch.set_num_threads(1)
    wrapped = ORTModelForCustomTasks(config=PretrainedConfig(), session=session)
    tensor = torch.from_numpy(x)
    np.testing.assert_array_equal(wrapped(x=x).y, session.run(["y"], {"x": x})[0])
    return {"ORTModel(array)": lambda: wrapped(x=x), "ORTModel(tensor)": lambda: wrapped(x=tensor)}


def judged(rows: list[dict[str, Any]]) -> int:
    """Return 1, and say why, where the calls miss what they must reach."""
    added = {row["name"]: row["added_us"] for row in rows}
    faults = []
    if added["model(feeds)"]["low"] > ADDED_AT_MOST:
        faults.append(f"model(feeds) takes more than {ADDED_AT_MOST:g} µs over the bare run")
    if added["bound call"]["high"] >= 0:
        faults.append("a bound call is not clearly faster than the bare run")
    for fault in faults:
        console.say(f"error: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
