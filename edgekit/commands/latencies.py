"""What was measured, as the terminal shows it and as JSON: one row for each cell, and what each model costs beside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from edgekit import console
from edgekit.latency.comparison import speedup, verdict
from edgekit.latency.record import Entry, Record
from edgekit.latency.standing import Row, Standing
from edgekit.reporting import bench_wording, wording

_COLUMNS = 100  # of the terminal
_GAP = 3  # between two columns
_SHORTEST = 12  # characters that are left of a model's name

_SETTINGS: dict[str, Callable[[Entry], str]] = {
    "device": lambda entry: "-" if entry.device == "own" else entry.device,
    "threads": lambda entry: str(entry.threads or "-"),
    "batch": lambda entry: str(entry.batch),
}


def summary(standing: Standing) -> dict[str, Any]:
    """Give the record without its raw times, how each cell compares, and every two with each other."""
    (record,) = standing.records.values()
    told = record.to_dict()
    places = {id(entry): place for place, entry in enumerate(record.models)}
    for said, entry in zip(told["models"], record.models, strict=True):
        del said["times_ns"], said["bursts"]
        said["loads"] = [{key: value for key, value in load.items() if key != "times_ns"} for load in said["loads"]]
        said["summary"]["p99_us"] = entry.samples.percentile(99)
        said["speedup"] = None
    for row in standing.rows:
        if row.over_first and row.first:
            speed: dict[str, Any] = {**row.over_first, "verdict": verdict(row.over_first)}
            told["models"][places[id(row.entry)]]["speedup"] = {"over": places[id(row.first)], **speed}
    told["ratios"] = [
        {"model": one, "over": other, **found, "verdict": verdict(found)}
        for one, other in itertools.permutations(range(len(record.models)), 2)
        if one > other and (found := _ratio(record.models[one], record.models[other]))
    ]
    return told


def named(standing: Standing, rows: Sequence[Row]) -> list[str]:
    """Name rows, with what of their settings varies."""
    varying = bench_wording.varying([row.entry for row in standing.rows])
    settings = [bench_wording.setting(row.entry, varying) for row in rows]
    return [row.entry.name + (said and f" ({said})") for row, said in zip(rows, settings, strict=True)]


def _ratio(one: Entry, other: Entry) -> dict[str, float] | None:
    try:
        return speedup(one.samples, other.samples)
    except ValueError:  # they never sat together
        return None


def print_latencies(standing: Standing) -> None:
    """Print a row for each cell; "-" where a percentile needs more samples than there are, and how many more."""
    entries = [row.entry for row in standing.rows]
    unit, varying = bench_wording.unit(entries), _varying(entries)
    rows = [_row(row, unit, varying) for row in standing.rows]
    tails = ["p90\np99"] if varying else ["p90", "p99"]
    columns = ["model", *varying, f"p50 {unit.name}", *tails, "n", "over the first"]
    if not any(row.over_first for row in standing.rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    taken = sum(_width([column, *(row[place] for row in rows)]) + _GAP for place, column in enumerate(columns) if place)
    widest = max(_SHORTEST, _COLUMNS - taken - 1)
    console.table(columns, [[_named(row[0], widest), *row[1:]] for row in rows])
    console.answer(bench_wording.shared(entries))
    if varying and any(row.over_first for row in standing.rows):
        console.answer("each is compared with the first model in the same setting, and that one with its first setting")
    if any(row.over_first for row in standing.rows):
        console.answer("a ratio is that of the fastest tenth of every burst: other programs disturb it least")
    if lacking := max(entry.samples.lacking(99) for entry in entries):
        console.answer(f"p99 needs {lacking} samples more: give it more --seconds")


def _varying(entries: Sequence[Entry]) -> list[str]:
    """Name the settings that need a column."""
    tied = [entry for entry in entries if entry.device != "own"]
    found = [name for name, tell in _SETTINGS.items() if len(set(map(tell, entries if name == "batch" else tied))) > 1]
    alike = {(entry.name, entry.batch) for entry in entries}
    sized = {(entry.name, entry.batch, str(entry.inputs)) for entry in entries}
    return [*found, "sizes"] if len(sized) > len(alike) else found  # models of different sizes need none


def _row(row: Row, unit: wording.Unit, varying: Sequence[str]) -> list[str]:
    figures, p99 = row.entry.samples.summary(), row.entry.samples.percentile(99)
    p50, low, high = (unit(figures[key]) for key in ("p50_us", "p50_low_us", "p50_high_us"))
    tails = ["-" if time is None else unit(time) for time in (figures["p90_us"], p99)]
    over = f"{bench_wording.ratio(row.over_first)}\n{verdict(row.over_first)}" if row.over_first else ""
    setting = [_SETTINGS[name](row.entry) if name in _SETTINGS else _sizes(row.entry) for name in varying]
    end = "\n" if varying else " "  # a row has two lines anyway, and the columns are many
    return [
        row.entry.name, *setting, f"{p50}{end}[{low}, {high}]", *(["\n".join(tails)] if varying else tails),
        str(figures["n"]), over,
    ]  # fmt: skip


def _sizes(entry: Entry) -> str:
    return "\n".join(dict.fromkeys(said.partition("[")[2].rstrip("]") for said in entry.inputs.values()))


def _named(name: str, widest: int) -> str:
    """Cut a name from its front; what a source is built with goes to a line of its own."""
    head, mark, args = name.partition("?")
    return "\n".join(_short(part, widest) for part in (head, mark + args) if part)


def print_costs(record: Record) -> None:
    """Print a row for each model that is a file: its size, and what it costs beside its time where that was found."""
    entries = [entry for entry in record.models if entry.bytes is not None and entry.device != "own"]
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.name, entry.device), []).append(entry)
    rows = []
    for (name, device), alike in groups.items():  # of several settings the first, and the most memory of any
        found = alike[0].costs or {}
        loads = [_milliseconds(found.get(key)) for key in ("load_cold_ms", "load_warm_ms")]
        memory = max(int((entry.costs or {}).get("peak_bytes") or 0) for entry in alike)
        energy = found.get("energy_mj")
        rows.append(
            [
                _short(name, 40), device, alike[0].precision or "-", console.size(alike[0].bytes or 0), *loads,
                console.size(memory) if memory else "-", "-" if energy is None else f"{wording.significant(energy)} mJ",
            ]
        )  # fmt: skip
    columns = ["model", "device", "weights", "file", "load", "again", "memory", "energy"]
    keep = [place for place, _ in enumerate(columns) if any(row[place] != "-" for row in rows)]
    if len({device for _, device in groups}) == 1:
        keep.remove(columns.index("device"))
    if rows:
        console.table([columns[place] for place in keep], [[row[place] for place in keep] for row in rows])
    for error, entry in {(entry.costs or {}).get("error"): entry for entry in reversed(entries)}.items():
        if error:
            console.answer(f"{entry.name}: load time and memory could not be found: {error}")


def print_notes(standing: Standing) -> None:
    """Print the doubts, those of one kind in one line with what to do about them."""
    for doubts in bench_wording.doubts(standing):
        console.answer(str(doubts))


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{wording.significant(value)} ms"


def _width(cells: Sequence[str]) -> int:
    return max(len(line) for cell in cells for line in cell.split("\n"))


def _short(name: str, widest: int) -> str:
    return name if len(name) <= widest else "…" + name[1 - widest :]
