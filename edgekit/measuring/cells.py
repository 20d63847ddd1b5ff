"""From subjects and settings to what is timed: cells, each of one subject in one setting, opened and run once before.

A setting in which a subject does not run is told of and left out; a subject that runs in none is an error.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from edgekit.errors import EdgekitError, InputError, nearest
from edgekit.latency.notes import Note
from edgekit.measuring.feeds import Ranges, Shapes, batch_of, parse_shapes, random_feeds
from edgekit.measuring.subjects import Call, Subject
from edgekit.runtime.feeds import describe
from edgekit.signature import Tensor

_LONG = 0.02  # seconds of a trial from which on it is worth another


@dataclass(frozen=True)
class Asked:
    """The settings that are asked for, every one with every other, and what is said of the inputs.

    `batches`: None is the one that shapes tell, or 1. `shapes`: lines as `feeds.parse_shapes` reads them. `arrays` and
    `ranges`: what to feed, by input name.
    """

    devices: Sequence[str] = ("cpu",)
    threads: Sequence[int] = (1,)
    batches: Sequence[int | None] = (None,)
    shapes: Sequence[str] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Cell:
    """One subject in one setting, with the arrays it is fed.

    `label` tells it from the others of the sweep. `trial`: the seconds that a call took when it was tried.
    """

    label: str
    subject: Subject
    device: str
    threads: int
    batch: int
    shapes: Shapes
    feeds: Mapping[str, Any] = field(repr=False)
    placement: Mapping[str, int] | None = None
    options: Mapping[str, Mapping[str, str]] | None = None
    notes: Sequence[Note] = ()
    trial: float = 0.0

    @property
    def setting(self) -> tuple[str, int, int, str]:
        """What it shares with the other subjects that were asked the same."""
        return self.device, self.threads, self.batch, str(self.shapes)

    def copy(self) -> Call:
        """Open one more live copy, and return the call to be timed."""
        return self.subject.open(self.device, self.threads).prepared(self.feeds)

    def inputs(self) -> dict[str, str]:
        """Tell the dtype and shape of every input."""
        return {name: describe(value) for name, value in self.feeds.items()}


class _Place(NamedTuple):
    """Where a subject is to run, and on how much."""

    device: str
    threads: int
    batch: int | None
    shapes: Shapes

    def told(self, asked: Asked, shaped: bool) -> Iterator[str]:
        """Tell what is not the same for all cells; `shaped`: the shapes are not."""
        if len(asked.devices) > 1 and self.threads:
            yield self.device
        if len(asked.threads) > 1 and self.threads:
            yield "1 thread" if self.threads == 1 else f"{self.threads} threads"
        if shaped:
            yield from (f"{name} {'×'.join(map(str, sizes))}" for name, sizes in self.shapes.items())
        if len(asked.batches) > 1 and self.batch:
            yield f"batch {self.batch}"


def lay_out(
    subjects: Sequence[Subject], asked: Asked, tell: Callable[[str], None] = lambda _: None
) -> tuple[list[Cell], list[Note]]:
    """Open every subject in every setting and run it once; return the cells, and a note for each that did not run.

    The first cell is of the first subject. Raises what the settings of a subject failed of where none of them works.
    """
    inputs = {subject.name: _inputs(subject, asked) for subject in subjects}
    _check_names(asked, [tensor for each in inputs.values() for tensor in each])
    shapes = parse_shapes(asked.shapes, [tensor for each in inputs.values() for tensor in each])
    lengths = _lengths(subjects, inputs, asked, shapes[0])
    shapes = [{**{dim: (length,) for dim, length in lengths.items()}, **shape} for shape in shapes]
    cells: list[Cell] = []
    failed: dict[str, list[tuple[str, EdgekitError]]] = {subject.name: [] for subject in subjects}
    seen = set()
    for device, threads, shape, batch in itertools.product(asked.devices, asked.threads, shapes, asked.batches):
        for subject in subjects:
            fed = inputs[subject.name]
            said = {name: sizes for name, sizes in shape.items() if _concerns(name, fed)}
            place = _Place(*(("own", 0) if subject.own else (device, threads)), batch if fed else None, said)
            if (subject.name, str(place)) in seen:
                continue
            seen.add((subject.name, str(place)))
            label = ", ".join([subject.name, *place.told(asked, len(shapes) > 1)])
            tell(label)
            try:
                cells.append(_cell(label, subject, fed, place, asked))
            except EdgekitError as error:
                failed[subject.name].append((label, error))
    for name, faults in failed.items():
        if faults and not any(cell.subject.name == name for cell in cells):
            raise faults[0][1]
    notes = [Note.of("assumed-length", f'no --shape sizes "{dim}": measured at {n}') for dim, n in lengths.items()]
    notes += [Note.of("failed", f'"{label}": {error}') for faults in failed.values() for label, error in faults]
    begin = next(place for place, cell in enumerate(cells) if cell.subject is subjects[0])  # else it had raised
    return [cells[begin], *cells[:begin], *cells[begin + 1 :]], notes


def _lengths(
    subjects: Sequence[Subject], inputs: Mapping[str, Sequence[Tensor]], asked: Asked, said: Shapes
) -> dict[str, int]:
    """Return the lengths of texts that nothing says, by dimension: what every subject takes."""
    given = {*asked.arrays, *said}
    open_dims = {
        dim for each in inputs.values() for tensor in each if tensor.name not in given for dim in tensor.shape
    } - given
    known = [(dim, length) for subject in subjects for dim, length in subject.lengths.items() if dim in open_dims]
    return {dim: min(length for other, length in known if other == dim) for dim, _ in known}


def _inputs(subject: Subject, asked: Asked) -> Sequence[Tensor]:
    """Return what a subject takes, from the first device that opens it."""
    fault: EdgekitError | None = None
    for device in asked.devices:
        try:
            return subject.open(device, asked.threads[0]).inputs
        except EdgekitError as error:
            fault = fault or error
    assert fault
    raise fault


def _cell(label: str, subject: Subject, inputs: Sequence[Tensor], place: _Place, asked: Asked) -> Cell:
    batch = batch_of(inputs, place.batch, place.shapes)
    feeds = random_feeds(
        inputs, batch, place.shapes, asked.seed, ranges=asked.ranges, rows=subject.rows, arrays=asked.arrays
    )
    opened = subject.open(place.device, place.threads)
    try:
        call = opened.prepared(feeds)
        answer, trial = _timed(call)
        if trial > _LONG:  # a first call may compile or build something
            answer, trial = _timed(call)
    except InputError as error:
        raise InputError(f'"{subject.name}": {error}', error.hint or _GIVE) from None
    except EdgekitError:
        raise
    except Exception as error:  # a user's own function, or PyTorch, may raise anything
        said = " ".join(str(error).split())[:200]
        raise InputError(f'"{subject.name}" fails: {type(error).__name__}: {said}', _GIVE) from error
    notes = []
    if not all(np.isfinite(values).all() for values in _floats(answer)):
        notes.append(Note.of("nan-outputs", f'"{label}" answers NaN or infinity'))
    placed, kind = opened.placement or {}, opened.device.partition(":")[0]
    if elsewhere := ", ".join(f"{count} on {other}" for other, count in placed.items() if other != kind):
        notes.append(Note.of("fallback-nodes", f'"{label}": of its {sum(placed.values())} nodes {elsewhere}'))
    at = (opened.device, opened.threads, batch, place.shapes)
    return Cell(label, subject, *at, feeds, opened.placement, opened.options, notes, trial)


def _timed(call: Call) -> tuple[object, float]:
    began = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - began


_GIVE = "give it inputs it can run on: --input name=file.npy, --shape name=1,3,32,32 or --range name=0..99"


def _floats(answer: Any) -> Iterator[np.ndarray]:
    """Yield the arrays of floats in what was answered, however it is put together."""
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    if isinstance(answer, (list, tuple)):
        for each in answer:
            yield from _floats(each)
    elif hasattr(answer, "__array__"):
        try:
            array = np.asarray(answer)
        except Exception:  # it lies on a GPU, or is of a kind numpy lacks
            return
        if array.dtype.kind == "f":
            yield array


def _concerns(name: str, inputs: Sequence[Tensor]) -> bool:
    return any(name == tensor.name or name in tensor.shape for tensor in inputs)


def _check_names(asked: Asked, inputs: Sequence[Tensor]) -> None:
    """Raise InputError where an array or a range is for no input of any subject."""
    known = list(dict.fromkeys(tensor.name for tensor in inputs))
    dims = {dim for tensor in inputs for dim in tensor.shape if isinstance(dim, str)}
    for option, names in (("--input", asked.arrays), ("--range", asked.ranges)):
        for name in names:
            if name in known:
                continue
            if name in dims:
                raise InputError(f'{option} "{name}" is a dimension, not an input', f"--shape {name}=16,64 sizes it")
            near = nearest(name, known)
            hint = f'did you mean "{near}"?' if near else f"the inputs are {', '.join(known) or 'none'}"
            raise InputError(f'{option} "{name}": no model has such an input', hint)
