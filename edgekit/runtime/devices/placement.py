"""Which provider runs which node, from onnxruntime's own record.

onnxruntime leaves to the CPU what a provider cannot run, and a device may come up and then run nothing at all. The
record is kept while a session is made, by onnxruntime 1.24 and newer, and costs no time that could be measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from edgekit.errors import DeviceError
from edgekit.extras import need
from edgekit.runtime.devices.naming import PROVIDER_OF

ort = need("onnxruntime", "running a model")

RECORD = "session.record_ep_graph_assignment_info"  # the session's setting
NO_CPU = "session.disable_cpu_ep_fallback"  # onnxruntime's own, coarser refusal, which older ones have too
_KIND_OF = {provider: kind for kind, provider in PROVIDER_OF.items()}


class Placement:
    """Nodes by device and operator: `nodes["cuda"]["Conv"]` is how many. `device` is the one that was asked for.

    Counted is the graph as it was when onnxruntime shared it out: after the first optimizations, before the last.
    """

    __slots__ = ("device", "nodes")

    def __init__(self, device: str, nodes: Mapping[str, Mapping[str, int]]) -> None:
        self.device = device
        self.nodes = {kind: dict(operators) for kind, operators in nodes.items()}

    @property
    def total(self) -> int:
        """How many nodes there are."""
        return sum(sum(operators.values()) for operators in self.nodes.values())

    def left_behind(self, also: Iterable[str] = ()) -> dict[str, dict[str, int]]:
        """Return the nodes that run neither on the device nor on the devices of the kinds `also`, as `nodes`."""
        fine = {self.device.partition(":")[0], *(name.partition(":")[0] for name in also)}
        return {kind: operators for kind, operators in self.nodes.items() if kind not in fine}

    def __str__(self) -> str:
        return tell(self.nodes)

    def __repr__(self) -> str:
        return f"Placement({self.device!r}, {tell(self.nodes)!r})"


def recorded() -> bool:
    """Say whether this onnxruntime keeps the record."""
    return hasattr(ort.InferenceSession, "get_provider_graph_assignment_info")


def read(session: Any, device: str, provider: str) -> Placement:
    """Read the record of an `onnxruntime.InferenceSession`. `provider` is the one that stands for `device`."""
    kinds = {**_KIND_OF, provider: device.partition(":")[0]}
    nodes: dict[str, Counter[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        kind = kinds.get(part.ep_name, part.ep_name)
        nodes.setdefault(kind, Counter()).update(_name(node) for node in part.get_nodes())
    return Placement(device, nodes)


def tell(nodes: Mapping[str, Mapping[str, int]]) -> str:
    """Say it in one line: `cuda: 40 nodes; cpu: 3 nodes (NonZero, 2 TopK)`; the device with most nodes comes first."""
    parts: list[str] = []
    for kind, operators in sorted(nodes.items(), key=lambda item: -sum(item[1].values())):
        count = sum(operators.values())
        names = ", ".join(f"{n} {name}" if n > 1 else name for name, n in sorted(operators.items()))
        parts.append(f"{kind}: {count} node{'s' * (count != 1)}" + (f" ({names})" if parts or len(nodes) == 1 else ""))
    return "; ".join(parts) or "no nodes"


def no_record() -> DeviceError:
    """Return the error of an onnxruntime that keeps no record."""
    told = f"onnxruntime {ort.__version__} keeps no record of which provider runs which node"
    return DeviceError(told, "upgrade onnxruntime to 1.24 or newer")


def _name(node: Any) -> str:
    return f"{node.domain}:{node.op_type}" if node.domain else str(node.op_type)
