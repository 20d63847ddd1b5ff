"""How long a network will take with other widths: from its layers, each timed alone on this device and remembered.

A layer's time is that of a graph with it alone, less what any run costs and less what bringing its tensors in and out
costs: onnxruntime lays channels in blocks, once for a whole network and not for every layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgekit import extras, files, hardware
from edgekit.compression.layers import Layer, model, narrowed, passage
from edgekit.compression.targets import Predict, block
from edgekit.latency.sampling import interleave
from edgekit.runtime.session import open_session

# Times models (by name) one after the other in one sitting; gives microseconds by name.
Timer = Callable[[Mapping[str, Any]], dict[str, float]]
_SECONDS = 0.08  # for each graph
_CHAIN = 5  # copies of the cheapest layer, by which is known what the first one brings with it
_AT_ONCE = 16  # graphs that take turns
EMPTY = "empty"


class Table:
    """The times of layers in microseconds, by `Layer.key`: those in `path`, and what `timer` adds to them."""

    def __init__(self, path: Path, timer: Timer) -> None:
        self._path, self._timer = path, timer
        known = files.read_sealed(path) or {"us": {}}
        self._raw: dict[str, float] = known["us"]

    def fill(self, layers: Iterable[Layer]) -> None:
        """Time what is not in the table yet, and write the table."""
        wanted: dict[str, Any] = {EMPTY: _empty}
        for layer in layers:
            wanted[layer.key] = partial(model, layer)
            for channels, spatial in _ends(layer):
                through = passage(layer.rows, channels, spatial)
                wanted[through.key] = partial(model, through)
                wanted[f"{_CHAIN} of {through.key}"] = partial(model, through, _CHAIN)
        missing = [name for name in wanted if name not in self._raw]
        for start in range(0, len(missing), _AT_ONCE):
            self._raw |= self._timer({name: wanted[name]() for name in missing[start : start + _AT_ONCE]})
            files.write_sealed(self._path, {"us": self._raw})

    @property
    def empty(self) -> float:
        """What a run costs that computes next to nothing."""
        self.fill([])
        return self._raw[EMPTY]

    def cost(self, layer: Layer) -> float:
        """Return the microseconds that `layer` adds to a network."""
        if layer.key not in self._raw:
            self.fill([layer])
        around = 0.0
        for channels, spatial in _ends(layer):
            key = passage(layer.rows, channels, spatial).key
            one, chain = self._raw[key], self._raw[f"{_CHAIN} of {key}"]
            around += max(one - (chain - one) / (_CHAIN - 1) - self._raw[EMPTY], 0.0) / 2
        return max(self._raw[layer.key] - self._raw[EMPTY] - around, 0.0)


def _ends(layer: Layer) -> list[tuple[int, tuple[int, ...]]]:
    """Return the channels, in whole blocks, and sizes of what a convolution takes and gives in blocks."""
    if layer.operator != "Conv":
        return []
    whole = block()
    ends = [(layer.inputs, layer.spatial), (layer.outputs, layer.extent)]
    # A picture's few channels are taken as they are.
    return [(-(-channels // whole) * whole, spatial) for channels, spatial in ends if channels >= whole // 2]


class Predictor:
    """Tells what narrower networks take, from one of `layers` that was `measured`, in microseconds.

    All that is no layer is taken to shrink as the layers do: one factor stands for it.
    """

    def __init__(self, table: Table, layers: Mapping[str, list[Layer]], measured: float) -> None:
        self._table = table
        self._scale = max(measured - table.empty, 0.0) / max(self._added(layers), 1e-9)

    def of(self, layers: Mapping[str, list[Layer]]) -> Predict:
        """Return what tells the microseconds of a network of `layers` whose groups keep so many channels."""
        return lambda groups, widths: self._table.empty + self._scale * self._added(narrowed(layers, groups, widths))

    def _added(self, layers: Mapping[str, list[Layer]]) -> float:
        every = [each for same in layers.values() for each in same]
        self._table.fill(every)
        return sum(map(self._table.cost, every))


def table(device: str, threads: int) -> Table:
    """Return this machine's table, in edgekit's home: one for each processor, runtime, device and number of threads."""
    return Table(_place(device, threads), partial(time_models, device=device, threads=threads))


def time_models(models: Mapping[str, Any], device: str, threads: int) -> dict[str, float]:
    """Time models that take one input "x", in turn; return the median of each in microseconds."""
    calls = {}
    for name, proto in models.items():
        session = open_session(proto.SerializeToString(), device=device, threads=threads)
        shape = [int(size) for size in session.inputs[0].shape]
        calls[name] = partial(session.run, {"x": np.random.default_rng(0).standard_normal(shape, dtype=np.float32)})
    taken = interleave(calls, seconds=_SECONDS * len(calls))
    return {name: float(np.median(samples.by_round().lows)) / 1e3 for name, samples in taken.items()}


def _empty() -> Any:
    onnx = extras.need("onnx", "timing layers")
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[1] x) => (float[1] y) { y = Neg(x) }'
    return onnx.parser.parse_model(text)


def _place(device: str, threads: int) -> Path:
    machine = hardware.machine()
    facts = {name: machine[name] for name in ("cpu", "flags", "cores", "usable_cores", "system")}
    facts |= {"versions": hardware.versions(hardware.onnxruntime_wheels()), "device": device, "threads": threads}
    return files.home() / "layer-latency" / f"{files.fingerprint(facts)[:16]}.json"
