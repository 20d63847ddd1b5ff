"""Measures what a Batcher gives and takes: many callers of one model at once, with it and without.

    python bench/batching.py           (make bench)

Every caller asks for one row again as soon as it has its answer: threads, and tasks of asyncio. Three models: "small"
computes next to nothing, "convolutions" as much for a row in a batch as for one alone, "wide" mostly reads its weights,
which a batch shares. All ways take turns in short rounds, so the ratios hold on a busy machine too. Writes the figures
of every round to bench/results/batching-<machine>.json.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from recording import write

import edgekit
from edgekit import console, locks, statistics
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import about_machine
from edgekit.runtime.model import Model

WAYS = ("model", "Batcher", "Batcher, 1 ms", "asyncio.to_thread(model)", "Batcher.ask")
BATCH = 32
# What a way gives for a round: it calls the model for so many seconds and returns every call's time in nanoseconds.
Way = Callable[[float], list[int]]


def main() -> int:
    """Measure, print a table for each model, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--threads", type=int, help="of the session; every processor unless given")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each way in each round")
    said = parser.parse_args()
    device, groups = locks.Device("cpu"), {}
    with tempfile.TemporaryDirectory() as scratch, device.quiet(), Watch() as watch:
        for name, make in MODELS.items():
            path = Path(scratch) / f"{name}.onnx"
            onnx.save(make(), path)
            model = edgekit.load(path, threads=said.threads)
            console.say(f"measuring {name}: {said.rounds} rounds of {len(WAYS)} ways, {said.seconds:g} s each")
            groups[name] = {"alone_us": alone(model), "ways": measured(model, said.callers, said.rounds, said.seconds)}
            print_table(f"{name}, {groups[name]['alone_us']:.0f} µs alone", groups[name]["ways"])
    device.close()
    notes = about_machine(watch.seen(), model.session.threads)
    for note in notes:
        console.answer(f"note: {note}")
    settings = {"callers": said.callers, "threads": model.session.threads, "max_batch": BATCH}
    path = write("batching", " ".join(["python bench/batching.py", *sys.argv[1:]]), groups, notes, settings=settings)
    console.answer(f"record: {path}")
    return 0


def alone(model: Model) -> float:
    """The median time of a call that nothing else runs beside, in microseconds."""
    feeds, times = question(model), []
    for _ in range(200):
        began = time.perf_counter_ns()
        model(feeds)
        times.append(time.perf_counter_ns() - began)
    return float(np.median(times)) / 1e3


def measured(model: Model, callers: int, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Run every way for `seconds` in each round, after one to warm up; return a row of figures for each."""
    with ExitStack() as stack:
        plain, delayed = (
            stack.enter_context(edgekit.Batcher(model, max_batch=BATCH, max_delay_ms=delay)) for delay in (0, 1)
        )
        feeds = question(model)
        ways: Mapping[str, Way] = dict(
            zip(
                WAYS,
                (
                    threads(lambda: model(feeds), callers),
                    threads(lambda: plain(feeds), callers),
                    threads(lambda: delayed(feeds), callers),
                    tasks(lambda: asyncio.to_thread(model, feeds), callers),
                    tasks(lambda: plain.ask(feeds), callers),
                ),
                strict=True,
            )
        )
        told: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, way in ways.items():
                began = time.perf_counter()
                times = np.array(way(seconds if number else seconds / 4))
                if number:
                    told[name].append({"times": times, "per_second": len(times) / (time.perf_counter() - began)})
    return [row(name, told[name], told[WAYS[0]]) for name in ways]


def question(model: Model) -> np.ndarray:
    """One row of the model's input."""
    shape = [1, *(size for size in model.inputs[0].shape[1:] if isinstance(size, int))]
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def threads(ask: Callable[[], object], callers: int) -> Way:
    """Callers that are threads."""

    def way(seconds: float) -> list[int]:
        times: list[int] = []
        until = time.perf_counter() + seconds

        def call() -> None:
            while (began := time.perf_counter_ns()) < until * 1e9:
                ask()
                times.append(time.perf_counter_ns() - began)

        started = [threading.Thread(target=call) for _ in range(callers)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()
        return times

    return way


def tasks(ask: Callable[[], Awaitable[object]], callers: int) -> Way:
    """Callers that are tasks of one event loop."""

    async def run(seconds: float) -> list[int]:
        times: list[int] = []
        until = time.perf_counter() + seconds

        async def call() -> None:
            while (began := time.perf_counter_ns()) < until * 1e9:
                await ask()
                times.append(time.perf_counter_ns() - began)

        await asyncio.gather(*(call() for _ in range(callers)))
        return times

    return lambda seconds: asyncio.run(run(seconds))


def row(name: str, rounds: list[dict[str, Any]], first: list[dict[str, Any]]) -> dict[str, Any]:
    """A way's figures, and how many times as many answers as the first way it gives, round by round.

    A percentile is told of all rounds together, in milliseconds, where their calls are enough to tell it.
    """
    ratios = np.array([mine["per_second"] / its["per_second"] for mine, its in zip(rounds, first, strict=True)])
    low, high = statistics.median_interval(ratios, np.arange(len(ratios)))
    times = np.concatenate([told["times"] for told in rounds])
    percentiles = {f"p{q}_ms": statistics.percentile(times, q) for q in (50, 90, 99)}
    return {
        "name": name,
        "n": len(times),
        "per_second": float(np.median([told["per_second"] for told in rounds])),
        "ratio": {"value": float(np.median(ratios)), "low": low, "high": high},
        **{key: value and round(value / 1e6, 3) for key, value in percentiles.items()},
        "longest_ms": round(float(times.max()) / 1e6, 3),
        "rounds": [{"n": len(told["times"]), "per_second": told["per_second"]} for told in rounds],
    }


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """Print the ways of one model."""
    lines = []
    for told in rows:
        ratio = told["ratio"]
        times = [f"{told[key]:.2f}" if told[key] else "" for key in ("p50_ms", "p99_ms", "longest_ms")]
        gain = f"{ratio['value']:.2f}× [{ratio['low']:.2f}, {ratio['high']:.2f}]" if told is not rows[0] else ""
        lines.append([told["name"], f"{told['per_second']:,.0f}", *times, gain])
    console.table([title, "answers a second", "p50 ms", "p99 ms", "longest ms", "times the model's"], lines)


def layers(*widths: int) -> onnx.ModelProto:
    """Fully connected layers."""
    nodes, weights, last = [], [], "x"
    for number, (wide, narrow) in enumerate(itertools.pairwise(widths)):
        weights.append(random(f"w{number}", wide, narrow))
        nodes.append(helper.make_node("MatMul", [last, f"w{number}"], [f"m{number}"]))
        nodes.append(helper.make_node("Relu", [f"m{number}"], [last := f"a{number}"]))
    return graph(nodes, weights, [widths[0]], last, [widths[-1]])


def convolutions() -> onnx.ModelProto:
    """Four convolutions of 32 channels on 28 by 28."""
    nodes, weights, last, channels = [], [], "x", 1
    for number in range(4):
        weights.append(random(f"w{number}", 32, channels, 3, 3))
        nodes.append(helper.make_node("Conv", [last, f"w{number}"], [f"m{number}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"m{number}"], [last := f"a{number}"]))
        channels = 32
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["y"]))
    return graph(nodes, weights, [1, 28, 28], "y", [32, 1, 1])


def random(name: str, *shape: int) -> onnx.TensorProto:
    """Weights that keep the size of what they are multiplied with."""
    values = np.random.default_rng(0).normal(size=shape) / np.sqrt(np.prod(shape[1:]))
    return numpy_helper.from_array(values.astype(np.float32), name)


def graph(nodes: list[Any], weights: list[Any], takes: list[int], answer: str, answers: list[int]) -> onnx.ModelProto:
    """A model from x: float32[N,...] to `answer`."""
    tensor = helper.make_tensor_value_info
    x, y = tensor("x", onnx.TensorProto.FLOAT, ["N", *takes]), tensor(answer, onnx.TensorProto.FLOAT, ["N", *answers])
    opset = helper.make_opsetid("", 20)
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights), opset_imports=[opset], ir_version=10)


MODELS = {
    "small": lambda: layers(64, 64, 10),
    "convolutions": convolutions,
    "wide": lambda: layers(1024, 2048, 2048, 10),
}


if __name__ == "__main__":
    sys.exit(main())
