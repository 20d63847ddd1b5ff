"""edgekit bench: time models side by side. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from edgekit.latency.record import Record

_WIDEST = 20  # characters of a model's name, so that the table fits 100 columns


def command(
    models: Annotated[
        list[str], typer.Argument(help="Bundles, .onnx files or run folders; the first is compared with.")
    ],
    device: Annotated[str, typer.Option(help="Where to run: cpu, cuda, openvino, ...")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads within an operator.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Examples in a request.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.01, help="Time for all models together.")] = 5.0,
    shape: Annotated[
        list[str] | None, typer.Option(help="An input's sizes where they cannot be known, as tokens=1,128.")
    ] = None,
    output: Annotated[str | None, typer.Option(help="The record; by default a new one in runs/bench.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Open the models, and say what would be measured.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on the last line of stdout.")
    ] = False,
) -> None:
    """Time models side by side, and say which is clearly faster.

    One request after the other, the models in turn and in random order, so that what slows the machine slows all of
    them. The record keeps every time.

    Example: edgekit bench teacher.onnx runs/digits/1a2b3c4d --seconds 10
    """
    import datetime
    from pathlib import Path

    from edgekit import console
    from edgekit.commands.finding import model_path
    from edgekit.measuring.single_stream import SingleStream

    named = dict(zip(short_names(models), (model_path(name) for name in models), strict=True))
    bench = SingleStream(named, device=device, threads=threads, batch=batch, shapes=shape or ())
    now = datetime.datetime.now(datetime.UTC)
    path = Path(output) if output else Path("runs/bench") / f"{now:%Y%m%d-%H%M%S-%f}.json"
    many = "1 model" if len(named) == 1 else f"{len(named)} models"
    count = "1 thread" if threads == 1 else f"{threads} threads"
    setting = f"{many} on {device} with {count}, batch {batch}, for {console.duration(seconds)}"
    if dry_run:
        if as_json:
            console.result({"models": {name: str(file) for name, file in bench.files.items()}, "record": str(path)})
        else:
            console.answer(f"would measure {setting}, and write {path}")
        return
    console.say(f"measuring {setting}")
    record = bench.measure(seconds)
    record.write(path)
    if as_json:
        console.result({"record": str(path), **summary(record)})
        return
    print_table(record)
    for note in record.notes:
        console.answer(f"note: {note}")
    console.answer(f"record: {path}")


def short_names(models: list[str]) -> list[str]:
    """Name each path by as few of its last parts as tell them apart, and a path given again by a number."""
    from pathlib import Path

    parts = [Path(model).parts or (model,) for model in models]
    kept = 1
    while len({part[-kept:] for part in parts}) < len(set(parts)):
        kept += 1
    names = []
    for index, part in enumerate(parts):
        before = parts[:index].count(part)
        names.append("/".join(part[-kept:]) + (f" #{before + 1}" if before else ""))
    return names


def summary(record: Record) -> dict[str, Any]:
    """Give what the record says without its raw times, and how each model compares with the first."""
    from edgekit.latency.comparison import speedup, verdict

    told = record.to_dict()
    first = record.models[0].samples
    for row, entry in zip(told["models"], record.models, strict=True):
        del row["times_ns"], row["bursts"]
        row["summary"]["p99_us"] = entry.samples.percentile(99)
        ratio: dict[str, Any] | None = None
        if entry.samples is not first:
            found = speedup(entry.samples, first)
            ratio = {**found, "verdict": verdict(found)}
        row["speedup"] = ratio
    return told


def print_table(record: Record) -> None:
    """Print a row for each model; "-" where a percentile needs more samples than there are, and how many more."""
    from edgekit import console, statistics
    from edgekit.reporting import wording
    from edgekit.reporting.figures import Ratio

    told = summary(record)["models"]
    slowest = max(row["summary"]["p50_us"] for row in told)
    unit = wording.Unit("ms", 1000.0) if slowest >= 10_000 else wording.Unit("µs", 1.0)
    rows = []
    for row in told:
        name, figures, ratio = row["name"], row["summary"], row["speedup"]
        p50, low, high = (unit(figures[key]) for key in ("p50_us", "p50_low_us", "p50_high_us"))
        p90, p99 = ("-" if figures[key] is None else unit(figures[key]) for key in ("p90_us", "p99_us"))
        over = ""
        if ratio:
            found = Ratio(ratio=ratio["ratio"], low=ratio["low"], high=ratio["high"])
            over = f"{wording.speedup(found)}\n{ratio['verdict']}"
        short = name if len(name) <= _WIDEST else "…" + name[1 - _WIDEST :]
        rows.append([short, f"{p50} [{low}, {high}]", p90, p99, str(figures["n"]), console.size(row["bytes"]), over])
    console.table(["model", f"p50 {unit.name}", "p90", "p99", "n", "file", "over the first"], rows)
    lacking = statistics.samples_needed(99) - min(row["summary"]["n"] for row in told)
    if lacking > 0:
        console.answer(f"p99 needs {lacking} samples more: give it more --seconds")
