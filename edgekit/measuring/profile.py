"""Where the time of a model goes, node by node: the runtime's own record, joined with what each node has to do.

onnxruntime's profiler writes whole microseconds and costs some itself, about as much as a small node takes. So the
model runs in turn with and without it, and what it costs is taken off. numpy; onnx where the graph was saved.
"""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgekit.latency.sampling import interleave
from edgekit.measuring import roofline, traces
from edgekit.measuring.roofline import Ceilings, Work
from edgekit.measuring.traces import Event
from edgekit.runtime.devices.naming import PROVIDER_OF
from edgekit.runtime.session import open_session
from edgekit.runtime.tracing import OPTIMIZED

SECONDS = 0.4  # the profiler writes a megabyte for a thousand nodes
if TYPE_CHECKING:
    from edgekit.measuring.nodes import Task

_KINDS = {provider: kind for kind, provider in PROVIDER_OF.items()}
_ADDED = re.compile(r"(_output_\d+|_nchwc|_token_\d+)*$")  # to names, by exporters and by onnxruntime
_LEAST_US = 1.0  # of a shorter node the time is too uncertain to tell how near a limit it is
_ROUNDS = 5


class Traced(NamedTuple):
    """What was seen of a model: its runs with the profiler, how long they took with and without it, the task of each
    node by path, and the device it was opened on.
    """

    runs: list[list[Event]]
    plain_us: float
    traced_us: float
    tasks: dict[tuple[str, ...], Task]
    device: str


def profile(
    path: Path,
    feeds: Mapping[str, Any],
    *,
    device: str = "cpu",
    threads: int = 1,
    seconds: float = SECONDS,
    ceilings: Ceilings | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Run a model on `feeds` for about `seconds`, and tell where its time goes, as `told` does.

    "file_macs": those of the graph as it was written, None where they are unknown. What runs may multiply more:
    onnxruntime fills up the channels of convolutions to blocks.

    `ceilings`: those of the processor; None where the model runs elsewhere. `settings`: more of `open_session`.
    """
    traced = trace(path, feeds, device=device, threads=threads, seconds=seconds, **settings)
    return {**told(traced, ceilings), "file_macs": _asked(path, feeds)}


def work(path: Path, feeds: Mapping[str, Any], *, threads: int = 1, **settings: Any) -> Work:
    """Return what one run of a model does on the cpu, as far as that is known. Runs it once."""
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        session = open_session(path, "cpu", threads, trace=folder, **settings)
        session.run(feeds)
        (run,) = traces.read(Path(session.end_trace()))
        tasks = _tasks(run, Path(folder) / OPTIMIZED, feeds)
    found = [tasks.get(event.path) for event in run]
    return Work.sum((task and task.work) or Work() for task in found)


def trace(
    path: Path, feeds: Mapping[str, Any], *, device: str, threads: int, seconds: float, **settings: Any
) -> Traced:
    """Run a model in turn with and without the profiler."""
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        plain = open_session(path, device, threads, **settings)
        watched = open_session(path, device, threads, trace=folder, **settings)
        calls = {"plain": functools.partial(plain.run, feeds), "traced": functools.partial(watched.run, feeds)}
        taken = interleave(calls, seconds=seconds, min_samples=1, min_rounds=_ROUNDS)
        runs = traces.read(Path(watched.end_trace()))
        tasks = _tasks(runs[-1], Path(folder) / OPTIMIZED, feeds)
    # The first are the warm-up's; as many are left as were timed.
    return Traced(runs[-len(taken["traced"]) :], taken["plain"].p50, taken["traced"].p50, tasks, plain.device)


def _asked(path: Path, feeds: Mapping[str, Any]) -> int | None:
    """Count the MACs of a file on `feeds`; None where it is not ONNX, or they are unknown."""
    if path.suffix != ".onnx":
        return None
    from edgekit.graph import inspection, storage

    model = storage.load(path, weights=False)
    for value in model.graph.input:
        if value.name in feeds:
            for dim, size in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape, strict=False):
                dim.dim_value = size
    return inspection.inspect(model).macs


def _tasks(events: Sequence[Event], saved: Path, feeds: Mapping[str, Any]) -> dict[tuple[str, ...], Task]:
    if not saved.is_file():
        return {}
    from edgekit.graph import storage
    from edgekit.measuring import nodes

    return nodes.tasks(events, storage.load(saved, weights=False).graph, feeds)


def told(traced: Traced, ceilings: Ceilings | None) -> dict[str, Any]:
    """Return {"nodes", "operators", "p50_us", "outside_us", "traced_us", "profiler_us", "runs", "work"}.

    "nodes": the slowest first, each {"name", "label", "op", "device", "fallback", "us", "share", "calls", "macs",
    "int8", "bytes", "gflops", "ceiling_share", "bound"}; what is unknown is None. "name" is that in the graph that ran,
    "label" the module whose weights it uses, or that name without what onnxruntime added. "operators": the same, added
    up, with their number of "nodes" for the names. "us" is the mean over the middle half of the runs, by how long these
    took, and "share" its part of "p50_us", the median without the profiler. "outside_us" is the rest of that: what the
    runtime does around its nodes.

    "profiler_us": what writing down a node cost inside its own time, and was taken off. It is found by having all
    nodes and an empty run take "p50_us" together, and is never more than all that profiling cost for a node,
    "traced_us" less "p50_us". So a node's time is known to about a microsecond. "work": the fields of `Work`, of all.
    """
    paths = list(dict.fromkeys(event.path for run in traced.runs for event in run))
    place = {path: index for index, path in enumerate(paths)}
    times, calls = np.zeros((2, len(traced.runs), len(paths)))
    for row, run in enumerate(traced.runs):
        for event in run:
            times[row, place[event.path]] += event.us
            calls[row, place[event.path]] += 1
    raw, often = times[_middle(times.sum(axis=1))].mean(axis=0), calls.mean(axis=0)
    cost = _cost(traced, float(raw.sum()), float(often.sum()), ceilings)
    first = {event.path: event for run in reversed(traced.runs) for event in reversed(run)}
    nodes = [
        _Node(first[path], max(float(us - cost * many), 0.0), float(many), traced.tasks.get(path))
        for path, us, many in zip(paths, raw, often, strict=True)
    ]
    nodes.sort(key=lambda node: -node.us)
    tell = functools.partial(_row, traced=traced, ceilings=ceilings, reach=sum(node.done.bytes for node in nodes))
    groups: dict[tuple[str, str, bool], list[_Node]] = {}
    for node in nodes:
        groups.setdefault((node.event.operator, node.event.provider, node.int8), []).append(node)
    kinds = sorted(groups.values(), key=lambda group: -sum(node.us for node in group))
    return {
        "nodes": [{"name": "/".join(node.event.path), "label": node.label, **tell([node])} for node in nodes],
        "operators": [{"nodes": len(group), **tell(group)} for group in kinds],
        "p50_us": traced.plain_us,
        "outside_us": traced.plain_us - sum(node.us for node in nodes),
        "traced_us": traced.traced_us,
        "profiler_us": cost,
        "runs": len(traced.runs),
        "work": asdict(Work.sum(node.done for node in nodes)),
    }


class _Node(NamedTuple):
    """One node: its first event, its time in a run, how often it is called in one, and what a call does."""

    event: Event
    us: float
    calls: float
    task: Task | None

    @property
    def done(self) -> Work:
        """What it does in a run, as far as that is known."""
        return self.work.times(self.calls) if self.work else Work(nodes=round(self.calls))

    @property
    def work(self) -> Work | None:
        return self.task.work if self.task else None

    @property
    def label(self) -> str:
        name = "/".join(self.event.path)
        return (self.task and self.task.layer) or _ADDED.sub("", name) or name

    @property
    def int8(self) -> bool:
        return bool(self.work and self.work.int8_macs)


def _row(group: Sequence[_Node], traced: Traced, ceilings: Ceilings | None, reach: int) -> dict[str, Any]:
    """Tell of nodes of one operator on one device."""
    us, event = sum(node.us for node in group), group[0].event
    work = Work.sum(node.done for node in group) if all(node.work for node in group) else None
    reached: dict[str, Any] = {"ceiling_share": None, "bound": None}
    if work and ceilings and us >= _LEAST_US * work.nodes:
        shares = roofline.share(work, us, ceilings, run=False, reach=reach)
        reached = {"ceiling_share": shares[roofline.SHARE_OF[shares["bound"]]], "bound": shares["bound"]}
    kind = traced.device.partition(":")[0]
    device = _KINDS.get(event.provider, kind)
    return {
        "op": event.operator,
        "device": device,
        "fallback": device != kind,
        "us": us,
        "share": us / traced.plain_us,
        "calls": sum(node.calls for node in group),
        "macs": work and work.macs,
        "int8": group[0].int8,
        "bytes": work and work.bytes,
        "gflops": 2e-3 * work.macs / us if work and us >= _LEAST_US else None,
        **reached,
    }


def _middle(totals: np.ndarray) -> np.ndarray:
    """Return the places of the middle half of `totals` (runs,): their mean tells whole microseconds apart further."""
    count = len(totals)
    return np.argsort(totals, kind="stable")[count // 4 : count - count // 4]


def _cost(traced: Traced, raw: float, events: float, ceilings: Ceilings | None) -> float:
    """Return what writing down a node costs inside its time; `raw`: the times of all `events` of a run."""
    empty = float(ceilings["empty_run_us"]["value"]) if ceilings else 0.0
    most = max(traced.traced_us - traced.plain_us, 0.0)
    return min(max(raw - (traced.plain_us - empty), 0.0), most) / max(events, 1)
