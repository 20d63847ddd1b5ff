"""On which devices here a model opens, and where its nodes run. For `inspect`; imports nothing until it runs.

Nothing is told by heart of providers that are not here: what an onnxruntime supports depends on how it was built. A
device is tried, and onnxruntime's own record tells which nodes it took.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SLOW = ("tensorrt",)
_HEAVY = 2_000_000_000  # bytes of a model: opening reads all of it into memory


@dataclass(frozen=True)
class Support:
    """What came of a device.

    `runs`: whether it takes every operator; None where that was not found out, and `said` tells why. `nodes`: how many
    of each operator run on which device, as they were shared out after onnxruntime's first optimizations.
    """

    device: str
    runs: bool | None
    said: str
    nodes: dict[str, dict[str, int]]


def try_devices(model: Path, size: int) -> list[Support]:
    """Open the ONNX file on every device that this onnxruntime offers; `size`: its bytes and its weights'."""
    from edgekit import console
    from edgekit.errors import EdgekitError, MissingExtra
    from edgekit.extras import need

    try:
        need("onnxruntime", "trying devices")
        from edgekit.runtime import external
        from edgekit.runtime.devices import naming, placement, providers
    except MissingExtra as error:
        return [Support("cpu", None, f"not tried: {error}", {})]
    try:
        external.check(str(model))
    except EdgekitError as error:
        return [Support("cpu", None, f"not tried: {error}", {})]
    found: list[Support] = []
    for kind in naming.PROVIDER_OF:
        if not providers.offered(naming.Device(kind)):
            found.append(Support(kind, None, "not in this onnxruntime", {}))
        elif size > _HEAVY:
            found.append(Support(kind, None, f"not tried: {console.size(size)} would be read into memory", {}))
        elif kind in _SLOW:
            found.append(Support(kind, None, "not tried: building its engines takes minutes", {}))
        else:
            found.append(_try(model, kind, recorded=placement.recorded()))
    return found


def _try(model: Path, device: str, recorded: bool) -> Support:
    from edgekit.errors import EdgekitError
    from edgekit.runtime.session import open_session

    try:
        session = open_session(model, device, threads=1, spinning=False)
    except EdgekitError as error:
        return Support(device, False, str(error), {})
    if not recorded:
        runs = True if device == "cpu" else None
        return Support(device, runs, "it opens; which nodes it takes, onnxruntime 1.24 and newer tell", {})
    placed = session.placement()
    runs = not placed.left_behind()
    return Support(device, runs, "every operator" if runs else str(placed), placed.nodes)
