"""What zeros among the weights are worth in onnxruntime: unstructured and 2:4 sparsity against the dense model.

    python bench/sparsity.py

Two networks, of convolutions and of products of matrices, with random weights of which the smallest become 0: a half,
80, 90 and 95 % of all, or two in each four along the inputs (2:4). All patterns of a network are timed in turn, on one
thread, and their files compressed. Writes bench/results/sparsity-<machine>.json with every raw time.
"""

from __future__ import annotations

import argparse
import gzip
import lzma
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from recording import write

from edgekit import console, locks
from edgekit.graph import storage
from edgekit.latency.comparison import speedup
from edgekit.latency.conditions import Watch
from edgekit.latency.copies import Opener
from edgekit.latency.doubts import about_machine
from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave
from edgekit.runtime.session import open_session

LAYERS = 4
NETWORKS = {"Conv": ((64, 64, 3, 3), (1, 64, 28, 28)), "MatMul": ((768, 768), (16, 768))}  # weights, input
SHARES = {"50 %": 0.5, "80 %": 0.8, "90 %": 0.9, "95 %": 0.95}
DENSE, PATTERN = "dense", "2:4"
Array = np.ndarray[Any, Any]


def main() -> int:
    """Make every network in every pattern, time and compress it, write the record."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=float, default=60.0, help="for each of the two networks")
    said = words.parse_args()
    device = locks.Device("cpu")
    groups = {}
    with device.quiet(), Watch() as watch:
        for operator in NETWORKS:
            console.say(f"{operator}: {len(SHARES) + 2} patterns for {said.seconds:g} s")
            groups[operator] = timed(operator, said.seconds, watch)
            print_rows(operator, groups[operator])
    device.close()
    console.say(str(write("sparsity", "python bench/sparsity.py", groups, about_machine(watch.seen(), 1))))
    return 0


def timed(operator: str, seconds: float, progress: Watch) -> dict[str, Any]:
    """Time one network in every pattern, interleaved, and say how large its files are."""
    weights, size = NETWORKS[operator]
    request = {"x": np.random.default_rng(1).standard_normal(size, dtype=np.float32)}

    def opened(path: Path) -> Callable[[], object]:
        return partial(open_session(path, threads=1).run, request)

    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{at}.onnx" for at, name in enumerate((DENSE, *SHARES, PATTERN))}
        for name, path in files.items():
            storage.save(network(operator, weights, size, name), path)
        taken = interleave(
            {name: Opener(partial(opened, path), most=8) for name, path in files.items()}, seconds=seconds,
            progress=progress,
        )  # fmt: skip
        return {name: _row(taken[name], taken[DENSE], path.read_bytes()) for name, path in files.items()}


def _row(samples: Samples, dense: Samples, file: bytes) -> dict[str, Any]:
    return {
        "speedup": speedup(samples, dense),
        "bytes": {"file": len(file), "gzip": len(gzip.compress(file)), "xz": len(lzma.compress(file, preset=1))},
        **samples.to_dict(),
        "summary": samples.summary(),
    }


def network(operator: str, weights: tuple[int, ...], size: tuple[int, ...], pattern: str) -> onnx.ModelProto:
    """Write layers of one size in a row, a ReLU behind each, their weights thinned out by `pattern`."""
    draw = np.random.default_rng(0)
    nodes, constants = [], []
    for at in range(LAYERS):
        values = draw.standard_normal(weights, dtype=np.float32) / np.float32(np.sqrt(np.prod(weights[1:])))
        constants.append(numpy_helper.from_array(thinned(values, pattern), f"w{at}"))
        said = {"pads": [1, 1, 1, 1]} if operator == "Conv" else {}
        nodes.append(helper.make_node(operator, [f"r{at}" if at else "x", f"w{at}"], [f"y{at}"], **said))
        nodes.append(helper.make_node("Relu", [f"y{at}"], [f"r{at + 1}"]))
    given, answer = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, size) for name in ("x", f"r{LAYERS}"))
    graph = helper.make_graph(nodes, "sparse", [given], [answer], constants)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def thinned(values: Array, pattern: str) -> Array:
    """Return `values` with the smallest set to 0: a share of all, or two of each four along the inputs."""
    size = np.abs(values)
    if pattern == DENSE:
        return values
    if pattern != PATTERN:
        return np.asarray(np.where(size < np.quantile(size, SHARES[pattern]), np.float32(0), values))
    along = 1 if values.ndim == 4 else 0  # a convolution's inputs stand second, a product's first
    fours = np.moveaxis(size, along, -1)
    ranks = fours.reshape(-1, 4).argsort(axis=1).argsort(axis=1).reshape(fours.shape)
    return np.asarray(np.where(np.moveaxis(ranks, -1, along) < 2, np.float32(0), values))


def print_rows(operator: str, rows: Mapping[str, Any]) -> None:
    """Print a line for each pattern."""
    lines = []
    for name, row in rows.items():
        speed, size = row["speedup"], row["bytes"]
        lines.append(
            [
                name, f"{row['summary']['p50_us']:.0f}",
                f"{speed['ratio']:.2f} [{speed['low']:.2f}, {speed['high']:.2f}]",
                *(f"{size['file'] / size[kind]:.2f}" for kind in ("gzip", "xz")),
            ]
        )  # fmt: skip
    console.table([operator, "p50 µs", "times as fast", "smaller by gzip", "by xz"], lines)


if __name__ == "__main__":
    sys.exit(main())
