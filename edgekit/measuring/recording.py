"""From the lines of a journal to the record of a sweep: sittings joined, and what is to be doubted about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.errors import InputError
from edgekit.latency.conditions import Conditions
from edgekit.latency.doubts import about_machine, about_times
from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples
from edgekit.measuring import limits
from edgekit.measuring.cells import Cell
from edgekit.measuring.energy import Meter
from edgekit.measuring.journal import Journal


def record(cells: Sequence[Cell], journal: Journal, settings: Mapping[str, Any], notes: Sequence[Note]) -> Record:
    """Put together what the journal holds of `cells`; InputError where that is not one time."""
    parts = [line for line in journal.lines if "sitting" in line]
    taken = joined([line["times"] for line in parts])
    lost = {name: Note.of(*why) for line in parts for name, why in line["lost"].items()}
    if not taken:
        raise InputError(f"nothing could be measured: {next(iter(lost.values())).text}")
    costs = {line["costs"]: line["found"] for line in journal.lines if "costs" in line}
    seen = together([Conditions(**line["seen"]) for line in parts])
    never = [note for name, note in lost.items() if name not in taken]
    return Record(
        created=journal.head["created"],
        machine=journal.head["machine"],
        versions=journal.head["versions"],
        settings={
            "scenario": "single-stream",
            **settings,
            "sittings": [list(line["times"]) for line in parts],
            "conditions": vars(seen),
            "energy": Meter().why_not or "counted",
        },
        models=[
            _swept(cell, taken[cell.label], costs.get(cell.label), lost.get(cell.label), journal)
            for cell in cells
            if cell.label in taken
        ],
        notes=[*notes, *never, *limits.notes(journal), *about_machine(seen, max(cell.threads for cell in cells))],
        ceilings=limits.told(journal),
    )


def joined(parts: Sequence[Mapping[str, Any]]) -> dict[str, Samples]:
    """Join the times of several sittings, each {label: what `Samples.to_dict` gave}: rounds and copies are numbered on.

    A round or a copy of two labels has the same number only where it was in the same sitting.
    """
    found: dict[str, list[tuple[Samples, int, int]]] = {}
    rounds = copies = 0
    for part in parts:
        samples = {name: Samples.from_dict(name, said) for name, said in part.items()}
        for name, one in samples.items():
            found.setdefault(name, []).append((one, rounds, copies))
        rounds += max((int(one.rounds.max()) + 1 for one in samples.values()), default=0)
        copies += max((int(one.copies.max()) + 1 for one in samples.values()), default=0)
    return {
        name: Samples(
            name,
            np.concatenate([one.times_ns for one, _, _ in several]),
            np.concatenate([one.rounds + start for one, start, _ in several]),
            all(one.settled for one, _, _ in several),
            np.concatenate([one.copies + start for one, _, start in several]),
            several[0][0].first_ns,
        )
        for name, several in found.items()
    }


def together(seen: Sequence[Conditions]) -> Conditions:
    """Join what was seen of the machine in several sittings."""
    if len(seen) == 1:
        return seen[0]
    seconds = sum(each.seconds for each in seen)
    others = [each.others * each.seconds / seconds for each in seen if each.others is not None]
    throttled = [each.throttled for each in seen if each.throttled is not None]
    last = seen[-1]
    return Conditions(
        seconds=seconds,
        cores=last.cores,
        processors=last.processors,
        others=sum(others) if len(others) == len(seen) else None,
        load=max((each.load for each in seen if each.load is not None), default=None),
        throttled=sum(throttled) if throttled else None,
        mhz=[mhz for each in seen for mhz in each.mhz],
        governor=last.governor,
        driver=last.driver,
        battery=any(each.battery for each in seen) if last.battery is not None else None,
    )


def entry(cell: Cell, samples: Samples, notes: Sequence[Note], **more: Any) -> Entry:
    """Say of a cell what it is, and what was timed of it; `more` are further fields of an Entry."""
    subject = cell.subject
    return Entry(
        name=subject.name,
        kind=subject.kind,
        file=str(subject.files[0]) if subject.files else None,
        sha256=subject.sha256,
        bytes=subject.bytes,
        device=cell.device,
        threads=cell.threads,
        batch=cell.batch,
        precision=subject.precision,
        inputs=cell.inputs(),
        samples=samples,
        placement=dict(cell.placement) if cell.placement else None,
        options={name: dict(said) for name, said in (cell.options or {}).items()} or None,
        notes=[*cell.notes, *notes],
        **more,
    )


def _swept(cell: Cell, samples: Samples, costs: dict[str, Any] | None, lost: Note | None, journal: Journal) -> Entry:
    notes = [*about_times(samples), *([lost] if lost else [])]
    return entry(cell, samples, notes, costs=costs, **limits.entry(journal, cell, samples.p50))
