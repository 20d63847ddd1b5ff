"""Which entries of two records stand for the same thing, and what forbids comparing them. Imports this room alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record

# Of `hardware.machine()`: what makes two machines two, and what of one machine may change from day to day.
_MACHINE = ("cpu", "architecture", "flags", "cores", "usable_cores", "gpus")
_STATE = ("system", "python", "governor")
_SETTING = ("scenario", "device", "threads", "precision", "options")


class Match(NamedTuple):
    """An entry, what stands for it in the baseline, and the notes that forbid comparing the two."""

    entry: Entry
    counterpart: Entry | None
    bars: list[Note]


def match(entries: Iterable[Entry], baseline: Iterable[Entry], name: str = "the baseline") -> list[Match]:
    """Find for each entry the one of the `baseline`, called `name`, that is most like it.

    Of the same file before the same name: a file that was renamed is the same model, and another file under an old
    name is not. Then that of the most alike setting; what still differs is noted, and forbids the comparison.
    """
    known = list(baseline)
    return [_match(entry, known, name) for entry in entries]


def missing(matches: Iterable[Match], baseline: Iterable[Entry]) -> list[Entry]:
    """Return the entries of the baseline that none of the `matches` stands for."""
    found = [match.counterpart for match in matches]
    return [entry for entry in baseline if not any(entry is other for other in found)]


def same_machine(record: Record, other: Record) -> bool:
    """Tell whether both were measured on machines that cannot be told apart."""
    return not _differing(record.machine, other.machine, _MACHINE)


def conditions(record: Record, baseline: Record, name: str = "the baseline") -> list[Note]:
    """Return what does not forbid comparing two records, but must be known: another machine, versions, moment."""
    found = []
    if machine := _differing(record.machine, baseline.machine, _MACHINE).partition("; ")[0]:
        found.append(Note.of("other-machine", f"another machine than that of {name} ({machine})"))
    versions = [*record.versions, *(key for key in baseline.versions if key not in record.versions)]
    changes = (
        _differing(record.versions, baseline.versions, versions),
        "" if machine else _differing(record.machine, baseline.machine, _STATE),
    )
    if told := ", ".join(filter(None, changes)):
        found.append(Note.of("other-versions", f"other versions than in {name} ({told})"))
    if not machine:
        found.append(Note.of("other-moment", f"not timed side by side with {name}, but at another moment"))
    return found


def _match(entry: Entry, baseline: list[Entry], name: str) -> Match:
    alike = [other for other in baseline if other.name == entry.name or _same_file(entry, other)]
    if not alike:
        return Match(entry, None, [Note.of("unmatched", f'"{entry.name}" is not in {name}')])
    bars = {id(other): _bars(entry, other, name) for other in alike}
    nearest = min(
        alike,
        key=lambda other: (
            other is not entry, not _same_file(entry, other), len(bars[id(other)]), other.name != entry.name
        ),
    )  # fmt: skip
    return Match(entry, nearest, bars[id(nearest)])


def _same_file(entry: Entry, other: Entry) -> bool:
    return entry.sha256 is not None and entry.sha256 == other.sha256


def _bars(entry: Entry, other: Entry, name: str) -> list[Note]:
    found = []
    if None not in (entry.sha256, other.sha256) and entry.sha256 != other.sha256:
        hashes = f"sha256 {str(entry.sha256)[:8]}, there {str(other.sha256)[:8]}"
        found.append(Note.of("other-model", f'"{entry.name}" is another file than in {name} ({hashes})'))
    if sizes := _differing(vars(entry), vars(other), ("batch",)) or _differing(entry.inputs, other.inputs):
        found.append(Note.of("other-shapes", f'"{entry.name}" got other sizes than in {name} ({sizes})'))
    if setting := _differing(vars(entry), vars(other), _SETTING):
        found.append(Note.of("other-setting", f'"{entry.name}" ran otherwise than in {name} ({setting})'))
    return found


def _differing(here: Mapping[str, Any], there: Mapping[str, Any], keys: Iterable[str] | None = None) -> str:
    """Say which of `keys` have two values, `threads 4, there 1`; what one side does not know is no difference."""
    apart = []
    for key in keys if keys is not None else [*here, *(key for key in there if key not in here)]:
        mine, theirs = here.get(key), there.get(key)
        if mine is not None and theirs is not None and mine != theirs:
            apart.append(f"{key} {_told(mine, theirs)}, there {_told(theirs, mine)}")
    return "; ".join(apart)


def _told(value: Any, other: Any) -> str:
    """Write a value; of a list or a dict what the other does not have."""
    if isinstance(value, dict) and isinstance(other, dict):
        value, other = ([f"{key}={said}" for key, said in each.items()] for each in (value, other))
    if isinstance(value, list) and isinstance(other, list):
        return ", ".join(str(item) for item in value if item not in other) or "none of it"
    return str(value)
