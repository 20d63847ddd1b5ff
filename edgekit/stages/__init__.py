"""Stages change the model: each makes a candidate from what came before it. The judge decides what becomes of it.

To add a stage, write a module here with `run(settings, context) -> Made`, its settings in `recipe/schema.py`, and a
`Kind` in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from edgekit.stages import distill, prune, quantize, supervised
from edgekit.stages.job import Context, Made


class Kind(NamedTuple):
    """A kind of stage.

    `run` makes the candidate. `label` is what its row is called. `gains` says what the step is for: "latency", or
    "accuracy" where it must not lose any. `uses` names what the candidate depends on, besides settings, data and code:
    "network" (the one it builds), "teacher", "incumbent" (the kept network), "graph" (the kept ONNX file). `shared`:
    whether several processes train it together; else the first one makes it alone.
    """

    run: Callable[[Any, Context], Made]
    label: str
    gains: str
    uses: tuple[str, ...]
    shared: bool = True


KINDS: dict[str, Kind] = {
    "teacher": Kind(supervised.run, "teacher", "latency", ("network",)),
    "student": Kind(supervised.run, "student alone", "latency", ("network",)),
    "distill": Kind(distill.run, "distilled", "accuracy", ("network", "teacher")),
    "prune": Kind(prune.run, "pruned", "latency", ("network", "teacher", "incumbent")),
    "quantize": Kind(quantize.run, "quantized", "latency", ("graph", "teacher", "incumbent"), shared=False),
}
