"""What the tables of a search's page hold: the front, every trial, the chosen points, and what was searched and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit import console
from edgekit.reporting import search_wording as words
from edgekit.reporting.search_record import Search, Trial

_STORAGES = {"journal": "a journal file", "postgresql": "PostgreSQL", "mysql": "MySQL", "sqlite": "SQLite"}
_TOLD = {"infeasible": "outside", "running": "at work"}


def front(search: Search) -> list[dict[str, Any]]:
    """Say of each trial of the front what its cells hold, the fastest first; settings that all share are left out."""
    rows, names = search.on_front(), words.searched(search)
    shared = _shared(rows, names)
    chosen = {point.trial: point.name for point in search.chosen}
    unit = words.unit(search)
    found = []
    for trial in rows:
        speed, _, interval = words.speedup(trial).partition(" ")
        found.append(
            {
                "number": trial.number,
                "own": trial.own,
                "chosen": chosen.get(trial.number, ""),
                "settings": words.settings(trial, {name: short for name, short in names.items() if name not in shared}),
                "metric": words.figure(search, trial.metric),
                "interval": words.interval(search, trial),
                "p50": unit(1000 * (trial.p50_ms or 0.0)),
                "speedup": speed,
                "speedup_interval": interval,
                "bytes": "" if trial.bytes is None else console.size(trial.bytes),
                "parameters": "" if trial.parameters is None else console.number(trial.parameters),
                "kept": trial.kept or "",
                "run": trial.run or "",
            }
        )
    return found


def shared(search: Search) -> list[str]:
    """Write the settings that all trials of a front of several share."""
    rows, names = search.on_front(), words.searched(search)
    common = _shared(rows, names)
    return words.settings(rows[0], {name: short for name, short in names.items() if name in common}) if rows else []


def _shared(rows: list[Trial], names: dict[str, str]) -> set[str]:
    """Return the names of the settings that are the same in all rows, of which there must be two."""
    if len(rows) < 2:
        return set()
    return {
        name
        for name in names
        if len({repr(row.overrides.get(name)) for row in rows}) == 1 and name in rows[0].overrides
    }


def trials(search: Search) -> list[dict[str, Any]]:
    """Say of every trial in the order of their numbers what became of it."""
    names, unit = words.searched(search), words.unit(search)
    found = []
    for trial in sorted(search.trials, key=lambda trial: trial.number):
        why = ["the recipe as it stands"] * trial.own + [trial.why] * bool(trial.why)
        why += [f"the same as trial {trial.duplicate}"] * (trial.duplicate is not None)
        figure = words.figure(search, trial.metric)
        if not figure and trial.last_rung:
            epochs, score = trial.last_rung
            figure = f"{words.figure(search, score)} after {epochs}"
        found.append(
            {
                "number": trial.number,
                "state": "front" if trial.number in search.front else _TOLD.get(trial.state, trial.state),
                "why": "; ".join(filter(None, why)),
                "settings": ", ".join(words.settings(trial, names)),
                "metric": figure,
                "p50": "" if trial.p50_ms is None else unit(1000 * trial.p50_ms),
                "bytes": "" if trial.bytes is None else console.size(trial.bytes),
                "took": "" if trial.seconds is None else console.duration(trial.seconds),
            }
        )
    return found


def chosen(search: Search, folder: Path) -> list[dict[str, Any]]:
    """Say of each chosen point why it was chosen, where it lies, and the command that makes it again."""
    names = words.searched(search)
    return [
        {
            "name": point.name,
            "number": trial.number,
            "own": trial.own,
            "reason": point.why,
            "why": point.why[:1].upper() + point.why[1:] + ".",
            "metric": words.figure(search, trial.metric),
            "interval": words.interval(search, trial),
            "latency": words.latency(search, trial.p50_ms),
            "speedup": words.speedup(trial).partition(" ")[0],
            "bytes": "" if trial.bytes is None else console.size(trial.bytes),
            "settings": ", ".join(words.settings(trial, names)),
            "recipe": point.recipe or "",
            "bundle": point.bundle or "",
            "command": words.command(folder, point.recipe) if point.recipe else "",
        }
        for point, trial in search.chosen_trials()
    ]


def space(search: Search) -> list[tuple[str, str, str]]:
    """Write every setting that was varied by its whole name, what it may be, and the recipe's own value."""
    own = next((trial.overrides for trial in search.trials if trial.own), {})
    return [
        (name, words.space(given), words.value(own[name]) if name in own else "")
        for name, given in search.space.items()
    ]


def facts(search: Search) -> list[tuple[str, str]]:
    """List how the figures were measured, and where."""
    machine, data = search.machine, search.data
    cores, usable = machine.get("cores"), machine.get("usable_cores")
    counts = (("train", "to train"), ("validation", "to choose"), ("test", "not used to choose"))
    said = [f"{count:,} {use}" for split, use in counts if (count := data.get(split)) is not None]
    rungs = [f"{epochs} epoch{'s' if epochs != 1 else ''}" for epochs in search.rungs]
    pairs = [
        ("recipe", search.recipe_file or search.name),
        ("examples", ", ".join(said)),
        ("a trial's training", ", ".join(f"{name} {words.value(given)}" for name, given in search.short.items())),
        ("the hopeless end after", " and ".join(rungs)),
        ("workers", f"{search.jobs}, sharing {_STORAGES.get(search.storage, search.storage)}"),
        ("processor", machine.get("cpu")),
        ("cores", cores if usable in (None, cores) else f"{cores}, of which {usable:g} may be used"),
        ("versions", ", ".join(f"{name} {version}" for name, version in search.versions.items() if version)),
    ]
    return [(name, str(given)) for name, given in pairs if given]
