"""Records side by side: a row for each thing that was timed, and how it stands to the first and to the baseline.

Reads records alone: no model, no runtime. Imports this room alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from edgekit.latency import apart, comparison, matching
from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record

Speed = Mapping[str, float]
_ALIKE = ("scenario", "batch")
_OF_LATENCY = ("single-stream", "multi-stream")  # the others' latencies are those of a load that was searched for


class Row(NamedTuple):
    """One entry of one record.

    `over_first`: its speed-up over the `first` of its own record that ran in the same setting, timed side by side; for
    that one itself, over the first of the same batch and sizes in another setting; None where there is neither.
    `over_baseline`: over what stands for it in the baseline, timed at another moment; None for the baseline itself
    and where `bars` forbid it. `figures`: the summary of its samples, which takes long to tell, with "p99_us".
    """

    record: str
    entry: Entry
    first: Entry | None
    over_first: Speed | None
    over_baseline: Speed | None
    bars: list[Note]
    figures: Mapping[str, Any]


class Standing(NamedTuple):
    """Several records against the first of them, the baseline.

    `rows`: what stands for the same thing stands together, in the baseline's order. `notes`: what must be known of
    a record to compare it with the baseline; `missing`: the baseline's entries that a record lacks.
    """

    records: Mapping[str, Record]
    rows: list[Row]
    notes: Mapping[str, list[Note]]
    missing: Mapping[str, list[Note]]

    @property
    def baseline(self) -> str:
        """Return the name of the record that the others are compared with."""
        return next(iter(self.records))

    def over(self, row: Row) -> Speed | None:
        """Return the speed-up that counts for a row: over the baseline, or the first entry of the only record."""
        return row.over_first if len(self.records) == 1 else row.over_baseline

    def regressions(self, limit: float) -> list[Row]:
        """Return the rows that clearly take longer by more than `limit` (0.05 is 5 %)."""
        speeds = {str(place): speed for place, row in enumerate(self.rows) if (speed := self.over(row))}
        return [self.rows[int(place)] for place in comparison.gate(speeds, limit)]

    def untold(self) -> list[Note]:
        """Return what keeps a gate from being told: what is missing, may not be compared, or ran on another machine."""
        found = [note for notes in self.missing.values() for note in notes]
        found += [note for row in self.rows for note in row.bars]
        return found + [note for notes in self.notes.values() for note in notes if note.kind == "other-machine"]


def stand(records: Mapping[str, Record]) -> Standing:
    """Set `records`, by the names they are told by, against the first of them; each has one entry at least."""
    (baseline, reference), *_ = records.items()
    order = {id(entry): place for place, entry in enumerate(reference.models)}
    placed: list[tuple[int, Row]] = []
    notes, missing = {}, {}
    for name, record in records.items():
        matches = matching.match(record.models, reference.models, baseline)
        notes[name] = [] if name == baseline else matching.conditions(record, reference, baseline)
        missing[name] = [
            Note.of("unmatched", f'"{entry.name}" of {baseline} is not in {name}')
            for entry in matching.missing(matches, reference.models)
        ]
        for entry, counterpart, bars in matches:
            speed = None
            if counterpart and counterpart is not entry and entry.scenario not in _OF_LATENCY:
                bars = [
                    *bars,
                    Note.of("other-load", f'"{entry.name}" has the latencies of the load that it was found to bear'),
                ]
            if counterpart and counterpart is not entry and not bars:
                speed = apart.speedup(entry.samples, counterpart.samples, busy=_busy(record) or _busy(reference))
            first = _first(entry, record.models)
            figures = entry.samples.summary() | {"p99_us": entry.samples.percentile(99)}
            row = Row(name, entry, first, _over(entry, first), speed, bars, figures)
            placed.append((order.get(id(counterpart), len(order)), row))
    return Standing(records, [row for _, row in sorted(placed, key=lambda each: each[0])], notes, missing)


def _busy(record: Record) -> bool:
    return any(note.kind in ("busy-machine", "throttled", "drift") for note in record.notes)


def _first(entry: Entry, entries: list[Entry]) -> Entry | None:
    """Return the entry of the first model in the same setting and sizes, or else with ever less of these the same.

    An entry of the first model itself is compared with its first of the same batch and sizes, if that is another.
    """
    if entry.scenario not in _OF_LATENCY:
        return None
    name = entries[0].name
    known = [other for other in entries if other.name == name]
    setting = (*_ALIKE, "device", "threads")
    tried = ((*_ALIKE, "sizes"),) if entry.name == name else ((*setting, "sizes"), setting, (*_ALIKE, "sizes"), _ALIKE)
    for keys in tried:
        for first in known:
            if _said(first, keys) == _said(entry, keys):
                return None if first is entry else first
    return None


def _said(entry: Entry, keys: tuple[str, ...]) -> list[object]:
    sizes = sorted(text.partition("[")[2] for text in entry.inputs.values())
    return [sizes if key == "sizes" else getattr(entry, key) for key in keys]


def _over(entry: Entry, first: Entry | None) -> Speed | None:
    try:
        return comparison.speedup(entry.samples, first.samples) if first else None
    except ValueError:  # of so many that did not fit the memory at once, these two never met
        return None
