"""The scenarios of `edgekit bench` beside single-stream: what is asked is read, and what was found is printed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from edgekit import console
from edgekit.errors import UsageError, nearest
from edgekit.latency.record import Entry, Record
from edgekit.measuring.scenarios import SCENARIOS, Scenario
from edgekit.measuring.sweep import Sweep
from edgekit.reporting import wording

SAMPLES = "8"  # in a query of multi-stream, as MLPerf has it, where a person does not say
THROUGH = ("session", "batcher")
_EACH = {"multi-stream": 5.0, "server": 30.0, "offline": 10.0}  # seconds for each cell, likewise
_UNITS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(us|µs|ms|s)")


def check(scenario: str, p99: str | None, through: str, others: Mapping[str, object]) -> float | None:
    """Return the bound on p99 in milliseconds; UsageError where what was asked does not fit together.

    `others`: the options that only single-stream knows, with what was said of them.
    """
    _known("--scenario", scenario, SCENARIOS)
    _known("--through", through, THROUGH)
    if scenario == "single-stream":
        if through != "session":
            raise UsageError(f'--through "{through}" is for the other scenarios', "such as --scenario server")
    else:
        for option, value in others.items():
            if value:
                raise UsageError(f'{option} is for the scenario "single-stream", not "{scenario}"', "leave it out")
    if (scenario == "server") != (p99 is not None):
        if p99:
            raise UsageError(f'--p99 is for the scenario "server", not "{scenario}"', "leave it out")
        raise UsageError('the scenario "server" needs the bound that p99 must keep', "such as --p99 10ms")
    if p99 is None:
        return None
    found = _TIME.fullmatch(p99.strip())
    if not found or not float(found[1]):
        raise UsageError(f'--p99 "{p99}" is no time', "such as --p99 10ms")
    return float(found[1]) * _UNITS[found[2]]


def scenario(sweep: Sweep, name: str, bound_ms: float | None, through: str, seconds: float | None) -> Scenario:
    """Make of a sweep's cells what is measured under the scenario `name`."""
    return Scenario(
        cells=sweep.cells,
        path=sweep.path,
        scenario=name,
        seconds=seconds or _EACH[name] * len(sweep.cells),
        through=through,
        bound_ms=bound_ms,
        notes=sweep.notes,
        seed=sweep.seed,
    )


def print_loads(record: Record) -> None:
    """Print a row for each rate or batch that was tried, and what was found of each model."""
    server = all("rate" in load for entry in record.models for load in entry.loads)
    rows = []
    for entry in record.models:
        loads = sorted(entry.loads, key=lambda load: load["rate" if server else "batch"])
        rows += [[_cell(entry), *(_rate(load) if server else _batch(load))] for load in loads]
    if server:
        console.table(["model", "queries a second", "p50 ms", "p99 ms", "over the bound", "n", ""], rows)
    else:
        console.table(["model", "batch", "samples a second", "p50 ms a run", "n", ""], rows)
        console.answer("the best: the smallest batch that no other is clearly faster than")
    for entry in record.models:
        console.answer(_found(entry, record.settings))


def _found(entry: Entry, settings: Mapping[str, Any]) -> str:
    through = "a Batcher" if settings.get("through") == "batcher" else "its session"
    load = next((load for load in entry.loads if load["chosen"]), None)
    if load and "batch" in load:
        rate = f"{wording.significant(load['samples_per_second'])} samples a second"
        return f"{_cell(entry)}: {rate} in batches of {load['batch']}, through {through}"
    bound = f"{settings.get('p99_bound_ms') or 0:g} ms"
    if load is None:
        return f"{_cell(entry)}: no rate was seen to keep p99 within {bound}, through {through}"
    kept = f"p99 {wording.significant(load['p99_us'] / 1e3)} ms of {bound}"
    return f"{_cell(entry)}: {wording.significant(load['rate'])} queries a second, {kept}, through {through}"


def _rate(load: Mapping[str, Any]) -> Sequence[str]:
    times = ["-" if load[key] is None else wording.significant(load[key] / 1e3) for key in ("p50_us", "p99_us")]
    fate = "the highest that held twice" if load["chosen"] else "holds" if load["held"] else "does not hold"
    return [wording.significant(load["rate"]), *times, str(load["overruns"]), str(load["n"]), fate]


def _batch(load: Mapping[str, Any]) -> Sequence[str]:
    rate, low, high = (wording.significant(load[key]) for key in ("samples_per_second", "low", "high"))
    run_ms = 1e3 * load["batch"] / load["samples_per_second"]
    fate = "the best" if load["chosen"] else ""
    return [str(load["batch"]), f"{rate} [{low}, {high}]", wording.significant(run_ms), str(load["n"]), fate]


def _cell(entry: Entry) -> str:
    return entry.samples.name if len(entry.samples.name) <= 30 else "…" + entry.samples.name[-29:]


def _known(option: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        near = nearest(word, list(known))
        hint = f'did you mean "{near}"?' if near else f"one of {', '.join(known)}"
        raise UsageError(f'{option} "{word}" is none of {", ".join(known)}', hint)
