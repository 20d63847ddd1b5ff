"""Measures how near the predicted time of a pruned network is to what it takes: 33 networks of three kinds.

    python bench/pruning.py           (10 minutes)

Networks of models/ with random weights, which do not matter to the time: pruned by a ratio alike in all layers, and
where it saves most time for the importance lost. Each is exported and timed beside the network it was pruned from, live
copies of both by turns. What is measured is written to bench/results/pruning.json at once, and a run that was cut off
goes on there. MACs are told beside it: how far the time is from being in proportion to them.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
import math
import statistics
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import recording
import torch
from torch import nn

import edgekit
from edgekit import console, files, hardware, modelfile
from edgekit.compression import importance, pruning, targets
from edgekit.compression.layer_latency import Predictor, table
from edgekit.compression.layers import layers
from edgekit.compression.timed import Clock
from edgekit.exporting import ladder
from edgekit.exporting.deployment import Deployment
from edgekit.graph.inspection import inspect
from edgekit.latency import comparison
from edgekit.locks import Device
from edgekit.recipe.schema import Measure
from edgekit.signature import Tensor

PATH = recording.RESULTS / "pruning.json"
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "resnet, 14 layers of 32": ("resnet.py", {"depth": 14, "width": 32}),
    "resnet, 8 layers of 32": ("resnet.py", {"depth": 8, "width": 32, "stem_stride": 2, "stem_kernel": 5}),
    "mobilenet of 64": ("mobilenet.py", {"stem": 64, "blocks": [[128, 1], [128, 1], [256, 2], [256, 1], [512, 2]]}),
}
RATIOS = (0.2, 0.35, 0.5, 0.65, 0.8)
SPEEDUPS = (1.2, 1.5, 1.75, 2.0, 2.5, 3.0)
DEPLOYMENT = Deployment(Tensor.parse("image: uint8[N,28,28,1]"), "probabilities")


def main() -> int:
    """Measure what the record lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each comparison")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--most", type=int, help="of the pruned networks of each kind")
    parser.add_argument("--output", type=Path, default=PATH)
    said = parser.parse_args()
    record = begun(said.output, {"seconds": said.seconds, "threads": 1})
    for name in said.networks:
        measured(name, record["results"].setdefault(name, {}), said, lambda: write(said.output, record))
    print_table(record["results"])
    console.answer(f"record: {said.output}")
    return 0


def begun(path: Path, settings: dict[str, float]) -> dict[str, Any]:
    """Read the record to go on with, or make an empty one; another machine, other versions or settings begin anew."""
    same = {
        "schema": 1,
        "settings": settings,
        "machine": hardware.machine(),
        "versions": {"edgekit": edgekit.__version__, **hardware.versions(recording.PACKAGES)},
    }
    known = files.read_json(path)
    if isinstance(known, dict) and all(known.get(key) == value for key, value in same.items()):
        return known
    return {**same, "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"), "results": {}}


def write(path: Path, record: dict[str, Any]) -> None:
    """Write the record, small: most of it is times."""
    files.write_text(path, json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def measured(name: str, rows: dict[str, Any], said: argparse.Namespace, keep: Any) -> None:
    """Add to `rows` what is not there of the pruned networks of one kind."""
    ways = [f"ratio {ratio}" for ratio in RATIOS] + [f"speedup {speedup}" for speedup in SPEEDUPS]
    missing = [way for way in ways[slice(said.most)] if way not in rows]
    if not missing:
        return
    device = Device("cpu")
    torch.manual_seed(0)
    file, arguments = NETWORKS[name]
    network = modelfile.build(Path(__file__).parents[1] / "models" / file, arguments).eval()
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 1), dtype=np.uint8)
    example = torch.zeros(1, 1, 28, 28)
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "model.onnx"
        ladder.export(network, DEPLOYMENT, images, graph)
        trial = Path(scratch) / "trial.onnx"
        clock = Clock(graph, DEPLOYMENT, images, Measure(seconds=said.seconds), trial, nullcontext)
        with device.quiet():
            whole = lowest(clock.incumbent())
            predict = Predictor(table("cpu", 1), layers(network, example), whole).of(layers(network, example))
        for way in missing:
            console.say(f"{name}: {way}")
            with device.quiet():
                rows[way] = pruned(network, example, way, whole, predict, clock)
            rows[way]["macs_before"] = inspect(graph).macs
            keep()
    device.close()


def pruned(
    network: nn.Module, example: torch.Tensor, way: str, whole: float, predict: targets.Predict, clock: Clock
) -> dict[str, Any]:
    """Prune a copy in one way, predict its time, and measure it."""
    kind, _, number = way.partition(" ")
    choice = (
        targets.uniform(float(number), None)
        if kind == "ratio"
        else targets.cheapest_until(whole / float(number), predict, None)
    )
    told: list[float] = []

    def choose(groups: Any) -> dict[str, int]:
        widths = choice(groups)
        told.append(predict(groups, widths))
        return widths

    trial = copy.deepcopy(network)
    score = importance.score("magnitude", trial, [], lambda batch, outputs: outputs.sum(), 0)
    kept = pruning.prune(trial, example, choose, score)
    taken = clock.beside(trial)
    speed = comparison.speedup(taken["trial"], taken["incumbent"])
    raw = {
        who: {"times_ns": each.times_ns.tolist(), "rounds": each.rounds.tolist(), "copies": each.copies.tolist()}
        for who, each in taken.items()
    }
    return {
        "kept": kept,
        "incumbent_us": whole,
        "predicted_us": told[0],
        "predicted_speedup": whole / told[0],
        "speedup": speed,
        "p50_us": {who: each.summary()["p50_us"] for who, each in taken.items()},
        "macs": sum(macs(each) for same in layers(trial, example).values() for each in same),
        "raw": raw,
    }


def macs(layer: Any) -> int:
    """Count a layer's multiplications."""
    return math.prod([layer.rows, layer.outputs, layer.inputs // layer.groups, *layer.kernel, *layer.extent])


def lowest(samples: Any) -> float:
    """The microseconds of a burst's lowest decile: what others on the machine disturb least."""
    return float(np.median(samples.by_round().lows)) / 1e3


def print_table(results: dict[str, dict[str, Any]]) -> None:
    """Print predicted beside measured, and the median error."""
    lines, errors, by_macs = [], [], []
    for name, rows in results.items():
        for way, row in rows.items():
            ratio = row["speedup"]["ratio"]
            errors.append(abs(row["predicted_speedup"] / ratio - 1))
            by_macs.append(abs(row["macs_before"] / row["macs"] / ratio - 1))
            lines.append(
                [
                    f"{name}: {way}",
                    f"{row['predicted_speedup']:.2f}×",
                    f"{ratio:.2f}× [{row['speedup']['low']:.2f}, {row['speedup']['high']:.2f}]",
                    f"{errors[-1]:.1%}",
                    f"{row['macs_before'] / row['macs']:.2f}×",
                    f"{row['p50_us']['trial']:.0f}",
                ]
            )
    console.table(["pruned", "predicted", "measured", "error", "MACs say", "p50 µs"], lines)
    if errors:
        console.answer(
            f"{len(errors)} networks: median error {statistics.median(errors):.1%}, largest {max(errors):.1%};"
            f" by MACs the median error is {statistics.median(by_macs):.1%}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
