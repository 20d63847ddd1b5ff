"""What a search says, as people read it: its page, its plots, the terminal and the chosen points share these words.

No matplotlib and no jinja2.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

from edgekit.reporting import wording
from edgekit.reporting.figures import Ratio
from edgekit.reporting.search_record import Search, Trial

_OUTCOMES = {
    "complete": "complete", "stopped": "stopped early", "infeasible": "outside the limits", "failed": "failed",
    "lost": "lost with their worker", "running": "at work",
}  # fmt: skip
_PLAIN = ("stages.", "student.args.")  # beginnings that a name is understood without


def figure(search: Search, value: float | None) -> str:
    """Write a figure of the metric as the record has it: 93.1 %, 0.412; "" for none."""
    return "" if value is None else search.shown.value(value / search.scale)


def interval(search: Search, trial: Trial) -> str:
    """Write the interval of a trial's metric: [92.5, 93.7]; "" where there is none."""
    if trial.metric_low is None or trial.metric_high is None:
        return ""
    ends = sorted(end / search.scale for end in (trial.metric_low, trial.metric_high))
    return search.shown.interval(ends[0], ends[1])


def lost(search: Search, points: float) -> str:
    """Write by how much a figure is worse than another, both as the record has them: 0.4 points, 0.031 bits."""
    written = search.shown.change(points if search.shown.share else 100 * points).lstrip("+−")
    return "1.0 point" if written == "1.0 points" else written


def unit(search: Search) -> wording.Unit:
    """Choose microseconds, or milliseconds where the slowest trial takes 10 ms and more."""
    slowest = max((trial.p50_ms for trial in search.trials if trial.p50_ms and trial.metric is not None), default=0.0)
    return wording.Unit("ms", 1000.0) if slowest >= 10 else wording.Unit("µs", 1.0)


def latency(search: Search, p50_ms: float | None) -> str:
    """Write milliseconds in the unit of the search: 120 µs; "" for none."""
    if p50_ms is None:
        return ""
    scale = unit(search)
    return f"{scale(1000 * p50_ms)} {scale.name}"


def teacher(search: Search) -> str:
    """Write where the teacher stands: 94.7 % in 3.10 ms; "" without one."""
    told = search.teacher
    if told is None or told.metric is None:
        return ""
    scale = wording.Unit("ms", 1000.0) if told.p50_ms and told.p50_ms >= 1 else unit(search)
    time = f" in {scale(1000 * told.p50_ms)} {scale.name}" if told.p50_ms else ""
    return f"{figure(search, told.metric)}{time}"


def speedup(trial: Trial) -> str:
    """Write how many times as fast as the teacher a trial is, with its interval; "" where no teacher was timed."""
    if trial.speedup is None:
        return ""
    if trial.speedup_low is None or trial.speedup_high is None:
        return wording.times(trial.speedup)
    return wording.speedup(Ratio(ratio=trial.speedup, low=trial.speedup_low, high=trial.speedup_high))


def value(given: Any) -> str:
    """Write a setting's value as a recipe has it, with as few digits as tell it: 16, 0.314, true, resnet(width=8)."""
    if isinstance(given, dict) and "model" in given:
        args = ", ".join(f"{name}={value(argument)}" for name, argument in given.get("args", {}).items())
        return f"{PurePath(given['model']).stem}({args})"
    if isinstance(given, bool) or given is None:
        return {True: "true", False: "false", None: "null"}[given]
    return f"{given:.3g}" if isinstance(given, float) else str(given)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Name settings by as much of their path as a reader needs: width, prune.ratio, soft-target.temperature."""
    found: dict[str, str] = {}
    for name in names:
        short = name
        for plain in _PLAIN:
            short = short.removeprefix(plain)
        found[name] = ".".join(short.split(".")[-2:])
    twice = {short for short, count in Counter(found.values()).items() if count > 1}
    return {name: name if short in twice else short for name, short in found.items()}


def settings(trial: Trial, names: Mapping[str, str]) -> list[str]:
    """Write a trial's values of the named settings, each under its short name: width 16."""
    return [f"{short} {value(trial.overrides[name])}" for name, short in names.items() if name in trial.overrides]


def searched(search: Search) -> dict[str, str]:
    """Return the short names of all settings that the search varies."""
    varied = [*search.space, *(name for trial in search.trials for name in trial.overrides)]
    return short_names(dict.fromkeys(name for name in varied if name not in search.short))


def space(given: Any) -> str:
    """Write what a setting may be: "8, 12 or 16", "1 to 8, logarithmic"."""
    if isinstance(given, dict):
        text = f"{value(given.get('low'))} to {value(given.get('high'))}"
        text += f" in steps of {value(given['step'])}" if given.get("step") else ""
        return text + (", logarithmic" if given.get("log") else "")
    if isinstance(given, list):
        *most, last = map(value, given)
        return f"{', '.join(most)} or {last}" if most else last
    return value(given)


def outcomes(search: Search) -> str:
    """Count what became of the trials: 31 complete, 22 stopped early (15 after 1 epoch, 7 after 3), 2 failed."""
    states = Counter(trial.state for trial in search.trials)
    said = []
    for state, words in _OUTCOMES.items():
        if states[state]:
            rungs = Counter(trial.last_rung[0] for trial in search.trials if trial.state == state and trial.last_rung)
            at = [f"{n} after {epochs} epoch{'s' if epochs != 1 else ''}" for epochs, n in sorted(rungs.items())]
            said.append(f"{states[state]} {words}" + (f" ({', '.join(at)})" if at and state == "stopped" else ""))
    return ", ".join(said) or "none has come to its end"


def trials(count: int) -> str:
    """Write a number of trials."""
    return f"{count:,} trial{'s' if count != 1 else ''}"


def limits(search: Search) -> list[str]:
    """Write every limit that the recipe sets: accuracy ≥ 92.0 %, p50 ≤ 200 µs."""
    asked, way = search.limits, "≤" if search.shown.less_is_better else "≥"
    said = [
        asked.metric is not None and f"{search.metric.name} {way} {figure(search, asked.metric)}",
        asked.p50_ms is not None and f"p50 ≤ {latency(search, asked.p50_ms)}",
        asked.speedup is not None and f"speed-up ≥ {asked.speedup:g}×",
        asked.bytes is not None and f"file ≤ {asked.bytes:,} bytes",
    ]
    return [limit for limit in said if limit]


def point(search: Search, trial: Trial, doubt: bool = False) -> str:
    """Write where a trial stands, perhaps with the interval of its metric: 93.1 % [92.5, 93.7] in 120 µs."""
    between = interval(search, trial) if doubt else ""
    return " ".join(filter(None, (figure(search, trial.metric), between, "in", latency(search, trial.p50_ms))))


def headline(search: Search) -> str:
    """Say in one sentence what a search found."""
    front, tried = search.on_front(), trials(len(search.trials))
    done = sum(trial.state in ("complete", "infeasible") for trial in search.trials)
    if not done:
        ended = any(trial.state not in ("running",) for trial in search.trials)
        return f"Of {tried} none came to its end" if ended else "The search has only begun"
    if not front:
        return f"Of {tried} none meets {'the limit' if len(limits(search)) == 1 else 'all limits'}"
    ends = [trial for _, trial in search.chosen_trials()] or front
    if len(ends) == 1 or ends[0] is ends[-1]:
        found = f"{tried}: {point(search, ends[0])} is the best found"
    else:
        found = f"{tried}: from {point(search, ends[0])} to {point(search, ends[-1])}"
    own = search.own
    if own and own not in (ends[0], ends[-1]):
        return f"{found}; the recipe as it stands has {point(search, own)}"
    return found


def command(folder: Path, recipe: str) -> str:
    """Write the command that makes a chosen point again, from where the search was begun."""
    return f"edgekit distill {shlex.quote((folder / recipe).as_posix())}"


def again(search: Search) -> str:
    """Write the command that a search goes on with."""
    return search.command or f"edgekit search {shlex.quote(search.recipe_file or search.name)}"
