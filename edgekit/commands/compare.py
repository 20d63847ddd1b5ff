"""edgekit compare: what records say beside each other. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgekit.errors import EdgekitError
    from edgekit.latency.record import Record
    from edgekit.latency.standing import Speed, Standing

_AGAIN = "time old and new side by side, which tells it more finely: edgekit bench OLD NEW --gate"
# Characters of a model's and of a record's name, and of a verdict, so that the table fits 100 columns.
_WIDEST, _WIDEST_RECORD, _WIDEST_VERDICT = 20, 14, 24


def command(
    records: Annotated[list[str], typer.Argument(help="Records of edgekit bench; the first is compared with.")],
    baseline: Annotated[
        str | None, typer.Option(help="Compare with this instead: a record, or a name in bench/baselines.")
    ] = None,
    gate: Annotated[
        str | None, typer.Option(metavar="5%", help="End with 3 where a model takes clearly longer by more than this.")
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="The gate lets pass what cannot be compared.")
    ] = False,
    page: Annotated[str | None, typer.Option(metavar="FILE", help="Also write a page to look at.")] = None,
    png: Annotated[str | None, typer.Option(metavar="FILE", help="Also draw the latencies as a picture.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Compare records: models, machines and days in one table.

    Each model is compared with itself in the baseline; in a single record, with its first model. Another file under
    the same name, other sizes or settings are marked and not compared; other machines and versions are noted. What
    was not timed side by side is told apart less finely: its intervals are wider.

    The gate fails too where it cannot be told: a model is missing, may not be compared, or ran on another machine.

    Example: edgekit compare runs/bench/new.json --baseline ci --gate 5%
    """
    from edgekit import console
    from edgekit.commands import showing
    from edgekit.commands.gating import share
    from edgekit.errors import DataError, TargetMissed
    from edgekit.latency.standing import stand

    limit = None if gate is None else share(gate)
    showing.check(page, png)
    files = _files(baseline, records)
    read, faults = _read(files)
    for fault in faults:
        console.say(fault.render())
    if next(iter(files)) not in read:
        raise DataError("without the first record, the baseline, there is nothing to compare with")
    standing = stand(read)
    drawn = showing.show(standing, page, png)
    missed = [] if limit is None else failures(standing, limit, allow_missing)
    if as_json:
        gated = None if limit is None else {"limit": limit, "missed": missed}
        console.result({**summary(standing, files), "gate": gated})
    else:
        print_records(standing)
        for line in drawn:
            console.answer(line)
    if missed:
        hint = _AGAIN if standing.regressions(limit or 0) else "--allow-missing lets pass what cannot be compared"
        raise TargetMissed("\n  ".join([f"the gate of {gate} is missed", *missed]), hint)
    if faults:
        raise DataError(f"{len(faults)} of {len(files)} records could not be read", "what could be read stands above")


def failures(standing: Standing, limit: float, allow_missing: bool) -> list[str]:
    """Say what fails a gate: what is clearly slower by more than `limit`, and what cannot be told."""
    from edgekit.reporting import wording
    from edgekit.reporting.figures import Ratio

    found = []
    for row in standing.regressions(limit):
        speed = standing.over(row)
        assert speed is not None
        longer = Ratio(ratio=1 / speed["ratio"], low=1 / speed["high"], high=1 / speed["low"])
        found.append(f'"{row.entry.name}" in {row.record} takes {wording.speedup(longer)} as long')
    return found + ([] if allow_missing else [note.text for note in standing.untold()])


def summary(standing: Standing, files: Mapping[str, Path]) -> dict[str, Any]:
    """Give what the table says, and more, as JSON-ready values without raw times."""
    from edgekit.latency.comparison import verdict

    def told(speed: Speed | None) -> dict[str, Any] | None:
        return None if speed is None else {**speed, "verdict": verdict(speed)}

    records = {
        name: {
            "file": str(files[name]),
            **{key: getattr(record, key) for key in ("created", "machine", "versions", "settings")},
            "notes": [note.to_dict() for note in [*standing.notes[name], *standing.missing[name], *record.notes]],
        }
        for name, record in standing.records.items()
    }
    rows = []
    for row in standing.rows:
        entry = _without_times(row.entry.to_dict())
        entry["loads"] = list(map(_without_times, row.entry.loads))
        entry["summary"] = row.figures
        over = {"over_first": told(row.over_first), "over_baseline": told(row.over_baseline)}
        rows.append({"record": row.record, **entry, **over, "bars": [note.to_dict() for note in row.bars]})
    return {"baseline": standing.baseline, "records": records, "rows": rows}


def _without_times(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in ("times_ns", "bursts")}


def print_records(standing: Standing) -> None:
    """Print where each record comes from, and a row for each model in each; a single one as `edgekit bench` does."""
    import textwrap

    from edgekit import console
    from edgekit.commands import latencies, showing
    from edgekit.reporting import bench_wording as wording

    for name, record in standing.records.items():
        console.answer(f"{name}: {wording.origin(record)}")
    if len(standing.records) == 1:
        showing.print_single(standing)
        return
    entries = [row.entry for row in standing.rows]
    unit, varying = wording.unit(entries), wording.varying(entries)
    rows = []
    for row in standing.rows:
        figures = row.figures
        model = "\n".join(filter(None, [_short(row.entry.name, _WIDEST), wording.setting(row.entry, varying)]))
        p50, low, high = (unit(figures[key]) for key in ("p50_us", "p50_low_us", "p50_high_us"))
        tails = ["-" if time is None else unit(time) for time in (figures["p90_us"], figures["p99_us"])]
        speed, verdict = wording.over(standing, row)
        over = "\n".join(line for said in (speed, verdict) for line in textwrap.wrap(said, _WIDEST_VERDICT))
        rows.append([model, _short(row.record, _WIDEST_RECORD), f"{p50} [{low}, {high}]", *tails, over])
    baseline = _short(standing.baseline, _WIDEST_RECORD)
    console.table(["model", "record", f"p50 {unit.name}", "p90", "p99", f"over {baseline}"], rows, left=2)
    console.answer(wording.shared(entries))
    latencies.print_notes(standing)


def _files(baseline: str | None, records: list[str]) -> dict[str, Path]:
    """Name each file by its stem, or its path where stems are alike; the baseline comes first."""
    from pathlib import Path

    paths = [*([] if baseline is None else [_baseline(baseline)]), *map(Path, records)]
    stems = [path.stem for path in paths]
    named: dict[str, Path] = {}
    for path in paths:
        name = path.stem if stems.count(path.stem) == 1 else str(path.with_suffix(""))
        again = sum(path == other for other in named.values())
        named[f"{name} #{again + 1}" if again else name] = path
    return named


def _baseline(name: str) -> Path:
    from pathlib import Path

    from edgekit.errors import DataError, nearest

    folder = Path("bench/baselines")
    named = folder / f"{name}.json"
    if named.exists() or Path(name).exists():
        return named if named.exists() else Path(name)
    known = sorted(path.stem for path in folder.glob("*.json"))
    hint = f"there are: {', '.join(known)}" if known else f"edgekit bench MODEL... --output {named} writes one"
    if near := nearest(name, known):
        hint = f'did you mean "{near}"? {hint}'
    raise DataError(f'there is no baseline "{name}": neither {named} nor a file of that name', hint)


def _read(files: Mapping[str, Path]) -> tuple[dict[str, Record], list[EdgekitError]]:
    """Read what can be read, and return the complaints about the rest."""
    from edgekit.errors import DataError
    from edgekit.latency.record import Record

    read: dict[str, Record] = {}
    faults: list[EdgekitError] = []
    for name, path in files.items():
        try:
            record = Record.read(path)
            if not any(len(entry.samples) for entry in record.models):
                raise DataError(f'the record "{path}" holds no times', "nothing was measured before it ended")
            read[name] = record
        except DataError as error:
            faults.append(error)
    return read, faults


def _short(name: str, widest: int) -> str:
    return name if len(name) <= widest else "…" + name[1 - widest :]
