"""What this machine can do at most through onnxruntime: arithmetic in fp32 and int8, bandwidth, what a run costs.

Measured with the runtime that runs the models and at the same number of threads, so that a share of a ceiling says
what is left to win without another runtime. Kept for each machine, version and number of threads. numpy; onnx inside.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import files, hardware
from edgekit.errors import UsageError
from edgekit.extras import need
from edgekit.latency.conditions import Watch
from edgekit.latency.doubts import DISTURBED, about_machine
from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave
from edgekit.runtime.session import open_session

SCHEMA = 1
SECONDS = 2.0
_MATRICES = (256, 384, 512)  # a side of the matrices in fp32; some sides suit a machine's caches better
_INTEGER_MATRICES = (512, 768, 1024)
_VECTORS = (1 << 20, 4 << 20, 16 << 20, 256 << 20)  # bytes of the matrices that vectors are multiplied by
_CONSTANT = 16 << 20  # up to so many bytes it is a constant, as weights are: onnxruntime then lays it out anew
_MEMORY_SHARE = 0.125  # of the free memory, that the largest may take
_CHAIN = 100  # nodes, by which is known what one more costs
_WORKS = 12  # how many there are
_MIN_ROUNDS = 10
_KEPT, _KEPT_BUSY = datetime.timedelta(days=30), datetime.timedelta(hours=1)


def known(
    threads: int,
    *,
    fresh: bool = False,
    now: datetime.datetime | None = None,
    measuring: Callable[[int], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the ceilings, as `measure`: those kept for this machine where they are no older than 30 days.

    Those of a busy machine are kept for an hour. `fresh` measures in any case. "kept" tells whether they were kept.
    `measuring`: what measures, in place of `measure`.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    path = _place(threads)
    if not fresh and (found := _kept(path, now)):
        return {**found, "kept": True}
    found = {**(measuring or measure)(threads), "measured": now.isoformat(timespec="seconds")}
    files.write_sealed(path, found)
    return {**found, "kept": False}


def is_kept(threads: int) -> bool:
    """Tell whether `known` need not measure."""
    return _kept(_place(threads), datetime.datetime.now(datetime.UTC)) is not None


def _kept(path: Path, now: datetime.datetime) -> dict[str, Any] | None:
    """Return the ceilings in a file, unless they are too old."""
    found: dict[str, Any] | None = files.read_sealed(path)
    if found is None:
        return None
    age = now - datetime.datetime.fromisoformat(found["measured"])
    return found if age <= (_KEPT_BUSY if found["busy"] else _KEPT) else None


def measure(threads: int, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure the ceilings of the processor in about `seconds`; whoever calls keeps the device quiet.

    "fp32_gflops": two floating-point operations for each MAC, the best of several sizes of MatMul; "int8_gops" the
    same of MatMulInteger, uint8 by int8. "bandwidth_gbs": weights read from memory; "bandwidths": the same by how many
    "bytes" are read again and again, since small ones stay in caches. "empty_run_us": a run of one node on one number;
    "node_us": what one more such node costs. Each {"value", "low", "high"}: from the median time, without that of an
    empty run, and its interval. "busy": others kept the processors busy meanwhile, so that ceilings may be higher.
    """
    sizes = _sizes()
    taken: dict[str, Samples] = {}
    amounts: dict[str, float] = {}
    with Watch() as watch:
        for name, call, amount in _works(threads, sizes):
            # One after the other: threads of sessions that were just called spin, and would take the others' cores.
            taken |= interleave({name: call}, seconds=seconds / _WORKS, min_samples=1, min_rounds=_MIN_ROUNDS)
            amounts[name] = amount
    empty, chain = taken["empty"].summary(), taken["chain"].summary()
    rates = {name: _rate(taken[name], amount, empty["p50_us"]) for name, amount in amounts.items() if amount}
    read = [{"bytes": size, **rates[f"read {size}"]} for size in sizes]
    return {
        "schema": SCHEMA,
        "threads": threads,
        "runtime": "onnxruntime",
        "busy": any(note.kind in DISTURBED for note in about_machine(watch.seen(), threads)),
        "fp32_gflops": _best(rates, "fp32"),
        "int8_gops": _best(rates, "int8"),
        "bandwidth_gbs": {key: read[-1][key] for key in ("value", "low", "high")},
        "bandwidths": read,
        "empty_run_us": {"value": empty["p50_us"], "low": empty["p50_low_us"], "high": empty["p50_high_us"]},
        "node_us": {
            "value": max(chain["p50_us"] - empty["p50_us"], 0) / _CHAIN,
            "low": max(chain["p50_low_us"] - empty["p50_high_us"], 0) / _CHAIN,
            "high": max(chain["p50_high_us"] - empty["p50_low_us"], 0) / _CHAIN,
        },
    }


def _rate(samples: Samples, work: float, empty: float) -> dict[str, float]:
    """Turn the time for `work` operations or bytes, without `empty` microseconds, into 1e9 of them a second."""
    told = samples.summary()
    keys = {"value": "p50_us", "low": "p50_high_us", "high": "p50_low_us"}
    return {name: work / 1e3 / max(told[key] - empty, 1e-3) for name, key in keys.items()}


def _best(rates: Mapping[str, Mapping[str, float]], kind: str) -> dict[str, float]:
    return dict(max((rate for name, rate in rates.items() if name.startswith(kind)), key=lambda rate: rate["value"]))


def _works(threads: int, sizes: Sequence[int]) -> Iterator[tuple[str, Callable[[], object], float]]:
    """Yield what is timed, by name, each with the operations or bytes it stands for; open for as long as it is held."""
    draw = np.random.default_rng(0)
    scale = 1 << threads.bit_length() // 3  # many threads need more to share
    one = {"a": np.ones(1, np.float32)}
    yield "empty", _open(threads, "Identity", one), 0
    yield "chain", _open(threads, "Neg", one, count=_CHAIN + 1), 0
    for side in (scale * side for side in _MATRICES):
        a, b = (draw.standard_normal((side, side), dtype=np.float32) for _ in range(2))
        yield f"fp32 {side}", _open(threads, "MatMul", {"a": a}, b), 2 * side**3
    for side in (scale * side for side in _INTEGER_MATRICES):
        left = draw.integers(256, size=(side, side), dtype=np.uint8)
        right = draw.integers(-128, 128, size=(side, side), dtype=np.int8)
        yield f"int8 {side}", _open(threads, "MatMulInteger", {"a": left}, right), 2 * side**3
    for size in sizes:
        matrix, vector = np.ones((1024, size // 4096), np.float32), np.ones((1, 1024), np.float32)
        fed = {"a": vector} if size <= _CONSTANT else {"a": vector, "b": matrix}
        yield f"read {size}", _open(threads, "MatMul", fed, matrix if size <= _CONSTANT else None), matrix.nbytes


def _sizes() -> list[int]:
    free = hardware.free_memory()
    return [size for size in _VECTORS if free is None or size <= max(_MEMORY_SHARE * free, _VECTORS[0])]


def _open(
    threads: int, operator: str, feeds: dict[str, np.ndarray], constant: np.ndarray | None = None, count: int = 1
) -> Callable[[], object]:
    """Open a model of `count` nodes of one operator in a row, and return a call that runs it on `feeds`."""
    onnx = need("onnx", "measuring what the machine can do")
    helper = onnx.helper
    names = [*feeds] + (["b"] if constant is not None else [])
    nodes = [helper.make_node(operator, names, ["0"])]
    nodes += [helper.make_node(operator, [str(index)], [str(index + 1)]) for index in range(count - 1)]
    kind = onnx.TensorProto.INT32 if operator == "MatMulInteger" else onnx.TensorProto.FLOAT
    dtype = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in feeds.items()}
    inputs = [helper.make_tensor_value_info(name, dtype[name], array.shape) for name, array in feeds.items()]
    output = helper.make_tensor_value_info(str(count - 1), kind, None)
    constants = [] if constant is None else [onnx.numpy_helper.from_array(constant, "b")]
    graph = helper.make_graph(nodes, "ceiling", inputs, [output], constants)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    return functools.partial(open_session(model.SerializeToString(), threads=threads).run, feeds)


def _place(threads: int) -> Path:
    """Return the file that ceilings are kept in, named after all they depend on."""
    if threads < 1:
        raise UsageError(f"{threads} threads can do nothing", "ask for one or more")
    machine = hardware.machine()
    facts = {name: machine[name] for name in ("cpu", "flags", "cores", "usable_cores", "memory_bytes", "system")}
    versions = hardware.versions([*hardware.onnxruntime_wheels()])
    key = files.fingerprint({"schema": SCHEMA, "machine": facts, "versions": versions, "threads": threads})
    return files.home() / "ceilings" / f"{key[:16]}.json"
