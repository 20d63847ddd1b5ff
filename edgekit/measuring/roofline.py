"""How near the machine's limits something ran: what its work takes at the least, as a share of the time it took.

After Williams, Waterman and Patterson's roofline (2009), with a roof for every level of memory and one more for what
calling costs. numpy alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

Ceilings = Mapping[str, Any]

SHARE_OF = {"compute": "compute_share", "memory": "bandwidth_share", "overhead": "overhead_share"}


@dataclass(frozen=True)
class Work:
    """What one run does, or one node: multiply-accumulates, those of them in 8 bits, bytes of weights and of values.

    `nodes`: how many nodes do it.
    """

    macs: int = 0
    int8_macs: int = 0
    weights: int = 0
    values: int = 0
    nodes: int = 1

    @property
    def bytes(self) -> int:
        """What is moved at the least."""
        return self.weights + self.values

    @property
    def intensity(self) -> float | None:
        """Operations for each byte, two for each MAC; None where nothing is moved."""
        return 2 * self.macs / self.bytes if self.bytes else None

    def times(self, count: float) -> Work:
        """Do it so many times."""
        return Work(
            *(round(count * each) for each in (self.macs, self.int8_macs, self.weights, self.values, self.nodes))
        )

    @classmethod
    def sum(cls, parts: Iterable[Work]) -> Work:
        """Add up."""
        return cls(*map(sum, zip(astuple(cls(nodes=0)), *map(astuple, parts), strict=True)))


def share(work: Work, us: float, ceilings: Ceilings, *, run: bool = True, reach: int | None = None) -> dict[str, Any]:
    """Return what part of the time `us` (microseconds) the work needs at the least, by each of the machine's limits.

    {"compute_share", "bandwidth_share", "overhead_share", "bound"}: the largest share is what binds it. A whole `run`
    pays for being called, a node for being one. Weights come back once in a run, from as far away as `reach` bytes
    lie (by default all that the work moves); values were just made, and come from as near as those of one node.

    A share above 1 is told as it is: the ceilings are of matrix multiplication and of reading, and something else may
    be faster, the more so where it finds its data in a cache.
    """
    reach = work.bytes if reach is None else reach
    compute = 2e-3 * (
        (work.macs - work.int8_macs) / _value(ceilings, "fp32_gflops") + work.int8_macs / _value(ceilings, "int8_gops")
    )
    memory = 1e-3 * (
        work.weights / bandwidth(ceilings, reach) + work.values / bandwidth(ceilings, work.values / max(work.nodes, 1))
    )
    overhead = work.nodes * _value(ceilings, "node_us") + (_value(ceilings, "empty_run_us") if run else 0)
    shares = dict(zip(SHARE_OF, (each / max(us, 1e-3) for each in (compute, memory, overhead)), strict=True))
    told: dict[str, Any] = {SHARE_OF[name]: part for name, part in shares.items()}
    return {**told, "bound": max(shares, key=lambda name: shares[name])}


def bandwidth(ceilings: Ceilings, size: float) -> float:
    """Return the GB/s at which `size` bytes are read again and again; between the sizes measured, interpolated."""
    read = ceilings["bandwidths"]
    sizes, values = ([math.log(each[key]) for each in read] for key in ("bytes", "value"))
    return math.exp(float(np.interp(math.log(max(size, 1)), sizes, values)))


def _value(ceilings: Ceilings, name: str) -> float:
    return float(ceilings[name]["value"])
