"""What onnxruntime's profiler wrote down: the nodes of every run, with their times and the shapes they saw. No onnx."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgekit.errors import DataError

_SUFFIX = "_kernel_time"
_BODIES = ("If", "Loop", "Scan", "SequenceMap")  # operators whose time holds that of the nodes inside them
_HALF = 0.5  # microseconds: times are written in whole ones, cut off

Shaped = tuple[str, tuple[int, ...]]


class Event(NamedTuple):
    """One call of one node.

    `path`: the names of the nodes it lies in, and its own. `us`: its time without that of nodes inside it. `inputs`,
    `outputs`: element type and shape of each, as they were in this call; weights that were laid out anew are left out.
    """

    path: tuple[str, ...]
    operator: str
    provider: str
    us: float
    inputs: tuple[Shaped, ...]
    outputs: tuple[Shaped, ...]


def read(path: Path) -> list[list[Event]]:
    """Read the profiler's file: the nodes of each run, in the order they began. DataError where it is damaged."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return list(_runs(said))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"onnxruntime's profile cannot be read: {type(error).__name__} {error}", "run again") from None


def _runs(said: Sequence[Mapping[str, Any]]) -> Iterator[list[Event]]:
    taken: list[Mapping[str, Any]] = []
    for each in said:
        if each.get("cat") == "Node" and each["name"].endswith(_SUFFIX):
            taken.append(each)
        elif each.get("name") == "model_run":
            yield _nested(taken)
            taken = []


def _nested(taken: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Find which node lies in which: one that holds others ends after them, and began before."""
    found: list[Event] = []
    open_: list[tuple[int, int]] = []  # where an outer node ends, and its place in `found`
    for each in sorted(taken, key=lambda one: (one["ts"], -one["dur"])):
        while open_ and each["ts"] >= open_[-1][0]:
            open_.pop()
        about, name, us = each["args"], each["name"].removesuffix(_SUFFIX), each["dur"] + _HALF
        outer: tuple[str, ...] = ()
        if open_:
            at = open_[-1][1]
            outer = found[at].path
            found[at] = found[at]._replace(us=max(found[at].us - us, 0.0))
        if about["op_name"] in _BODIES:
            open_.append((each["ts"] + each["dur"], len(found)))
        shapes = (_shaped(about.get(f"{side}_type_shape", ())) for side in ("input", "output"))
        found.append(Event((*outer, name), about["op_name"], about.get("provider", ""), us, *shapes))
    return found


def _shaped(said: Sequence[Mapping[str, Any]]) -> tuple[Shaped, ...]:
    return tuple((kind, tuple(shape)) for each in said for kind, shape in each.items())
