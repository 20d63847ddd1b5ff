"""edgekit bench: time models side by side. Imports typer alone until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgekit.console import Bar
    from edgekit.latency.record import Record
    from edgekit.latency.standing import Standing
    from edgekit.measuring.scenarios import Scenario
    from edgekit.measuring.sweep import Sweep

    Timed = Sweep | Scenario

# What is measured where nothing is said.
_UNSAID: dict[str, Any] = {
    "models": [], "device": ["cpu"], "threads": ["1"], "batch": [], "shape": [], "inputs": [], "ranges": [],
    "seconds": None, "costs": True, "seed": 0, "ceilings": True, "profile": False, "fresh": False,
}  # fmt: skip
_SCENARIOS = "single-stream, multi-stream, server, offline."
_THROUGH = "session, or batcher: how queries are answered."


def command(
    models: Annotated[list[str] | None, typer.Argument(help="Bundles, .onnx, runs, torch:, compile:, call:.")] = None,
    device: Annotated[list[str], typer.Option(help="cpu, cuda, openvino, ...")] = ["cpu"],  # noqa: B006
    threads: Annotated[list[str], typer.Option(help="Threads within an operator: 1,2.")] = ["1"],  # noqa: B006
    batch: Annotated[list[str] | None, typer.Option(help="Examples in a request: 1,8.")] = None,
    shape: Annotated[list[str] | None, typer.Option(help="Sizes: T=16,64 or tokens=1,128.")] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", help="x=file.npy; for torch: x: float32[N,8].")] = None,
    ranges: Annotated[list[str] | None, typer.Option("--range", help="Values of an input: ids=0..99.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.01, help="Time for all together; else 3 for each.")] = None,
    scenario: Annotated[str, typer.Option(help=_SCENARIOS, show_default=False)] = "single-stream",
    p99: Annotated[str | None, typer.Option("--p99", metavar="10ms", help="What server must keep.")] = None,
    through: Annotated[str, typer.Option(help=_THROUGH, show_default=False)] = "session",
    costs: Annotated[bool, typer.Option("--costs/--no-costs", help="Load time, memory, energy.")] = True,
    ceilings: Annotated[bool, typer.Option("--ceilings/--no-ceilings", help="How near the limits.")] = True,
    fresh: Annotated[bool, typer.Option("--fresh-ceilings", help="Measure the limits anew.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Where the time goes, node by node.")] = False,
    versus: Annotated[str | None, typer.Option(help="The model to compare with, not the first.")] = None,
    gate: Annotated[str | None, typer.Option(metavar="5%", help="End with 3 if one is slower by more.")] = None,
    page: Annotated[str | None, typer.Option(metavar="FILE", help="Also write a page to look at.")] = None,
    png: Annotated[str | None, typer.Option(metavar="FILE", help="Also draw the latencies.")] = None,
    output: Annotated[str | None, typer.Option(help="The record; else a new one in runs/bench.")] = None,
    resume: Annotated[str | None, typer.Option(help="Go on with the record that was cut off.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of records.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be timed, and how long.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the last line of stdout.")] = False,
) -> None:
    """Time models side by side, in every setting, and say which is clearly faster.

    Bursts of all take turns in random order: what slows the machine slows all of them. The record keeps every time.
    Options may be given again, or several values with commas; each is timed with each other. Costs, limits, --gate
    and --resume are of the scenario single-stream alone.

    Example: edgekit bench teacher.onnx torch:resnet.py?depth=8 --batch 1,8
    """
    from pathlib import Path

    from edgekit import console
    from edgekit.commands import gating, showing
    from edgekit.errors import TargetMissed, UsageError
    from edgekit.extras import need_all

    if schema:
        _print_schema(as_json)
        return
    need_all(["onnxruntime", "onnx"])
    from edgekit.commands import latencies, sweeping, under_load
    from edgekit.measuring.benching import new_record
    from edgekit.measuring.journal import check_place

    showing.check(page, png)
    limit = None if gate is None else gating.share(gate)
    bound = under_load.check(scenario, p99, through, {
        "--gate": gate, "--versus": versus, "--resume": resume, "--profile": profile, "--fresh-ceilings": fresh,
    })  # fmt: skip
    if scenario == "multi-stream":
        batch = batch or [under_load.SAMPLES]
    request: dict[str, Any] = {
        "models": models or [], "device": device, "threads": threads, "batch": batch or [], "shape": shape or [],
        "inputs": inputs or [], "ranges": ranges or [], "seconds": seconds, "costs": costs, "seed": 0,
        "ceilings": ceilings, "profile": profile, "fresh": fresh,
    }  # fmt: skip
    if resume:
        if request != _UNSAID:
            raise UsageError("--resume knows its models and settings", f"edgekit bench --resume {resume}")
        request = sweeping.asked_before(Path(resume))
    elif not models:
        raise UsageError("no model was named", "such as edgekit bench teacher.onnx student.onnx")
    named = resume or output
    path = Path(named) if named else new_record()
    check_place(path)
    laid_out = sweeping.sweep(request, path)
    sweep: Timed = laid_out
    if scenario != "single-stream":
        sweep = under_load.scenario(laid_out, scenario, bound, through, seconds)
    versus = versus and _known(versus, request["models"])
    if dry_run:
        _tell_plan(sweep, as_json)
        return
    record = _measured(sweep)
    standing = _stand(record, path, versus)
    drawn = showing.show(standing, page, png)
    missed = [] if limit is None else latencies.named(standing, standing.regressions(limit))
    if as_json:
        gated = None if limit is None else {"limit": limit, "missed": missed}
        console.result({"record": str(path), **latencies.summary(standing), "gate": gated})
    else:
        showing.print_single(standing)
        for line in (f"record: {path}", *drawn):
            console.answer(line)
    if missed:
        raise TargetMissed(f"clearly slower by more than {gate}: {', '.join(missed)}", "measure again to be sure")


def _print_schema(as_json: bool) -> None:
    import json

    from edgekit import console
    from edgekit.latency.record import json_schema

    if as_json:
        console.result(json_schema())
    else:
        console.answer(json.dumps(json_schema(), indent=1, ensure_ascii=False))


def _known(versus: str, models: Sequence[str]) -> str:
    """Return the name of the model that is meant, by that name or as it was given."""
    from edgekit.commands.sweeping import short_names
    from edgekit.errors import UsageError, nearest

    names = short_names(models)
    if versus in (*names, *models):
        return versus if versus in names else names[models.index(versus)]
    near = nearest(versus, names)
    raise UsageError(
        f'--versus "{versus}" is none of the models',
        f'did you mean "{near}"?' if near else f"one of {', '.join(names)}",
    )


def _tell_plan(sweep: Timed, as_json: bool) -> None:
    from edgekit import console

    if as_json:
        cells = [{"label": cell.label, "inputs": cell.inputs()} for cell in sweep.cells]
        console.result({"cells": cells, "seconds": sweep.expected(), "record": str(sweep.path)})
        return
    for cell in sweep.cells:
        fed = ", ".join(f"{name} {said}" for name, said in cell.inputs().items())
        console.answer(f"{cell.label}: {fed}" if fed else cell.label)
    for note in sweep.notes:
        console.answer(f"note: {note}")
    devices = dict.fromkeys(cell.device for cell in sweep.cells if cell.threads)
    threads = sorted({cell.threads for cell in sweep.cells if cell.threads})
    where = (
        f" on {', '.join(devices)} with {', '.join(map(str, threads))} thread{'s' * (threads != [1])}"
        if devices
        else ""
    )
    console.answer(f"would take {console.duration(sweep.expected())}{where}, and write {sweep.path}")


def _measured(sweep: Timed) -> Record:
    from edgekit import console

    count, total = len({cell.subject.name for cell in sweep.cells}), sweep.expected()
    many = ("1 model" if count == 1 else f"{count} models") + (
        f", {len(sweep.cells)} rows" if len(sweep.cells) > count else ""
    )
    if parts := _parts(sweep.path):
        console.say(f"going on with what was cut off: {parts} were measured")
    console.say(f"measuring {many}, for {console.duration(total)}; record: {sweep.path}")
    try:
        with console.bar("measuring", round(1000 * total)) as bar:
            record = sweep.measure(_Shown(bar, total))
            bar.update(round(1000 * total))
    except KeyboardInterrupt:
        parts = _parts(sweep.path)
        console.say(f"{parts} are kept; to go on: edgekit bench --resume {sweep.path}" if parts else "nothing is kept")
        raise
    return record


def _parts(record: Path) -> str:
    """Say how many parts of an unfinished measurement are on the disk; empty where it was not begun."""
    from edgekit.measuring import journal

    found = journal.Journal.opened(journal.beside(record))
    lines = found.lines if found else []
    planned = next((len(line["plan"]) for line in lines if "plan" in line), 1)
    done = sum("sitting" in line for line in lines)
    return f"{done} of {planned} parts" if found else ""


class _Shown:
    """Shows the seconds that are left, on a bar of milliseconds."""

    def __init__(self, bar: Bar, total: float) -> None:
        self.bar, self.total, self.begun = bar, total, False

    def __call__(self, left: float, note: str) -> None:
        # The last percent is for writing the record, which the time that is left does not know.
        done = round(1000 * min(max(self.total - left, 0), 0.99 * self.total))
        if not self.begun:
            self.begun = True
            self.bar.begin_at(done)
        self.bar.update(done, note)


def _stand(record: Record, path: Any, versus: str | None) -> Standing:
    """Set the cells against the first ones, or those of the model that was named."""
    import dataclasses

    from edgekit.latency.standing import stand

    if versus:
        models = sorted(record.models, key=lambda entry: entry.name != versus)
        record = dataclasses.replace(record, models=models)
    return stand({path.stem: record})
