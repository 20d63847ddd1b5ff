"""What a measurement says, as people read it: the terminal table of records and their page share these words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from edgekit.latency.comparison import verdict
from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.standing import Row, Standing
from edgekit.reporting import wording
from edgekit.reporting.figures import Ratio

_TOLD = 3  # notes of one kind, of which the rest is counted
_OWN = "own"  # the device of what runs where it likes
_SETTING = ("scenario", "device", "threads", "batch", "precision")
_BARRED = {
    "other-model": "another file", "other-shapes": "other sizes", "other-setting": "other settings",
    "other-load": "another load", "unmatched": "not in the baseline",
}  # fmt: skip


def unit(entries: Iterable[Entry]) -> wording.Unit:
    """Choose microseconds, or milliseconds where the slowest takes 10 ms and more."""
    slowest = max((entry.samples.p50 for entry in entries), default=0.0)
    return wording.Unit("ms", 1000.0) if slowest >= 10_000 else wording.Unit("µs", 1.0)


def moment(text: str) -> str:
    """Write an ISO time to the minute, in UTC; what is none is left as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return text


def machine(record: Record) -> str:
    """Write the machine in a few words: Intel(R) Xeon(R) Processor @ 2.10GHz, 2 cores."""
    said = record.machine
    cores, usable = said.get("cores"), said.get("usable_cores")
    fewer = isinstance(cores, int) and isinstance(usable, float) and usable < cores
    counted = f"{usable:g} of {cores} cores" if fewer else cores and f"{cores} cores"
    return ", ".join(str(part) for part in (said.get("cpu") or "unknown processor", counted) if part)


def versions(record: Record) -> str:
    """Write the versions that latency depends on, the runtimes: onnxruntime 1.32.0, torch 2.13.0."""
    kept = {name: version for name, version in record.versions.items() if name not in ("edgekit", "numpy") and version}
    return ", ".join(f"{name} {version}" for name, version in kept.items())


def origin(record: Record) -> str:
    """Write when and where a record was made, and with which versions."""
    return "; ".join(filter(None, (moment(record.created), machine(record), versions(record))))


def varying(entries: Sequence[Entry]) -> list[str]:
    """Return the settings that tell apart entries of one name; the inputs only where no batch does."""
    by_name: dict[str, list[Entry]] = {}
    by_batch: dict[tuple[str, int], list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.name, []).append(entry)
        by_batch.setdefault((entry.name, entry.batch), []).append(entry)
    found = [key for key in _SETTING if any(_values(alike, key) > 1 for alike in by_name.values())]
    return found + ["inputs"] * any(_values(alike, "inputs") > 1 for alike in by_batch.values())


def _values(entries: Iterable[Entry], key: str) -> int:
    return len({str(getattr(entry, key)) for entry in entries})


def setting(entry: Entry, keys: Iterable[str]) -> str:
    """Write the named settings of an entry: cuda, 2 threads, batch 8, int8."""
    sizes = {name: text.partition("[")[2].rstrip("]").replace(",", "×") for name, text in entry.inputs.items()}
    own = entry.device == _OWN
    said = {
        "scenario": entry.scenario,
        "device": "" if own else entry.device,
        "threads": "" if own else "1 thread" if entry.threads == 1 else f"{entry.threads} threads",
        "batch": f"batch {entry.batch}",
        "precision": str(entry.precision or ""),
        "inputs": ", ".join(f"{name} {size}" for name, size in sizes.items()),
    }
    return ", ".join(said[key] for key in keys if said[key])


def shared(entries: Sequence[Entry]) -> str:
    """Write the settings that are the same for all entries."""
    return setting(entries[0], [key for key in _SETTING if _values(entries, key) == 1])


def labels(standing: Standing) -> list[str]:
    """Name every row in one line: its model, what of its setting varies, and its record where there are several."""
    keys = varying([row.entry for row in standing.rows])
    records = len(standing.records) > 1
    return [
        " · ".join(filter(None, (row.entry.name, setting(row.entry, keys), row.record if records else "")))
        for row in standing.rows
    ]


def ratio(speed: Mapping[str, float]) -> str:
    """Write a speed-up with its interval."""
    return wording.speedup(Ratio(ratio=speed["ratio"], low=speed["low"], high=speed["high"]))


def barred(row: Row) -> str:
    """Say in two words why a row is not compared with the baseline; empty where it is."""
    return " and ".join(_BARRED[note.kind] for note in row.bars)


def over(standing: Standing, row: Row) -> tuple[str, str]:
    """Write the speed-up that counts for a row and its verdict, or why there is none."""
    speed = standing.over(row)
    if speed:
        return ratio(speed), verdict(speed)
    borne = bears(row.entry)
    return f"{borne} a second" if borne else "", barred(row)


def _asked(row: Row, standing: Standing) -> str:
    """Say of what an entry bears so many."""
    if row.entry.scenario != "server":
        return "samples a second"
    bound = standing.records[row.record].settings.get("p99_bound_ms")
    return "queries a second" + (f" with p99 within {bound:g} ms" if bound else "")


def bears(entry: Entry) -> str:
    """Write how many answers in a second an entry was found to bear, with the interval where there is one."""
    for load in entry.loads:
        if load.get("chosen") and "rate" in load:
            return wording.significant(load["rate"])
        if load.get("chosen"):
            rate, low, high = (wording.significant(load[key]) for key in ("samples_per_second", "low", "high"))
            return f"{rate} [{low}, {high}]"
    return ""


class Doubts(NamedTuple):
    """Notes of one kind: what was found, what to do about it, and of which records; of one record alone unnamed."""

    text: str
    advice: str
    records: list[str]

    def __str__(self) -> str:
        return f"{', '.join(['note', *self.records])}: {self.text}: {self.advice}"


def doubts(standing: Standing) -> list[Doubts]:
    """Return all notes, those of one kind and of the same records together, and every one once."""
    found: dict[Note, list[str]] = {}
    for name, record in standing.records.items():
        mine = [*standing.notes[name], *record.notes, *standing.missing[name]]
        for row in standing.rows:
            mine += [*row.entry.notes, *row.bars] if row.record == name else []
        for note in dict.fromkeys(mine):
            found.setdefault(note, []).append(name)
    kinds: dict[tuple[str, tuple[str, ...]], list[Note]] = {}
    for note, names in found.items():
        kinds.setdefault((note.kind, tuple(names)), []).append(note)
    return [
        Doubts(
            _joined([note.text for note in alike]), alike[0].advice, list(names) if len(standing.records) > 1 else []
        )
        for (_, names), alike in kinds.items()
    ]


def _joined(texts: list[str]) -> str:
    more = [f"{len(texts) - _TOLD} more"] if len(texts) > _TOLD else []
    return "; ".join([*texts[:_TOLD], *more])


def headline(standing: Standing) -> str:
    """Say in one sentence what was found."""
    told = [(row, speed, verdict(speed)) for row in standing.rows if (speed := standing.over(row))]
    clear = [(row, speed) for row, speed, said in told if said != "no clear difference"]
    names = list(dict.fromkeys(row.entry.name for row in standing.rows))
    models = "1 model" if len(names) == 1 else f"{len(names)} models"
    if len(standing.records) > 1:
        slower = sum(speed["ratio"] < 1 for _, speed in clear)
        counts = ((len(clear) - slower, "clearly faster"), (slower, "clearly slower"))
        said = [f"{count} {word}" for count, word in counts if count]
        said += [f"{len(told) - len(clear)} no clear difference"] if len(told) > len(clear) else []
        return f"{models} against {standing.baseline}: {', '.join(said) or 'nothing that may be compared'}"
    first = standing.rows[0].entry
    borne = {row.entry.name: bears(row.entry) for row in standing.rows if bears(row.entry)}
    if borne:
        most = max(borne, key=lambda name: float(borne[name].partition(" ")[0].replace(",", "")))
        what = _asked(next(row for row in standing.rows if row.entry.name == most), standing)
        return f"{most} bears {'the most, ' if len(borne) > 1 else ''}{borne[most].partition(' ')[0]} {what}"
    best, speed = max(clear, key=lambda each: each[1]["ratio"], default=(standing.rows[0], {"ratio": 0.0}))
    if speed["ratio"] > 1 and best.first:
        than = best.first.name if best.first.name != best.entry.name else setting(best.first, _differing(best))
        here = setting(best.entry, varying([row.entry for row in standing.rows]))
        return f"{best.entry.name}{here and f' ({here})'} is {wording.times(speed['ratio'])} as fast as {than}"
    if told:
        return f"{models}: none is clearly faster than {first.name}" if clear else f"{models}: no clear difference"
    scale = unit([first])
    return f"{first.name} takes {scale(first.samples.p50)} {scale.name}"


def _differing(row: Row) -> list[str]:
    return [key for key in _SETTING if row.first and getattr(row.first, key) != getattr(row.entry, key)]


def facts(record: Record) -> list[tuple[str, str]]:
    """List machine, versions and settings of a record, for the folded detail."""
    said: dict[str, Any] = {**record.machine, **record.settings}
    pairs = [(key.replace("_", " "), _plain(value)) for key, value in said.items() if value not in (None, [], "")]
    return [
        *pairs,
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items() if version)),
    ]


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
