"""One line for each model of a recipe, over its seeds: what `results.py` prints, and writes into documents."""

from __future__ import annotations

import collections
import statistics
from collections.abc import Sequence
from typing import Any

from edgekit import console, metric
from edgekit.metric import Metric
from edgekit.reporting.wording import significant


def taught(found: Sequence[dict[str, Any]]) -> bool:
    """Tell whether there is a teacher to compare speeds with."""
    return any(stage["verdict"]["speedup_over_teacher"] for result in found for stage in result["run"]["stages"])


def columns(found: Sequence[dict[str, Any]]) -> list[str]:
    """Name the columns of `rows`."""
    shown = metric.of(found[0]["run"]["stages"][0]["verdict"])
    name = f"test {shown.name}" + (", less is better" if shown.less_is_better else "")
    speed = ["speed-up over the teacher"] if taught(found) else []
    return ["model", name, "parameters", "file", "p50 µs", *speed, "kept"]


def rows(found: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Tell every model's figures over the seeds, and those of the model that was shipped."""
    runs = [result["run"] for result in found]
    verdicts = [{stage["id"]: stage["verdict"] for stage in run["stages"]} for run in runs]
    table = []
    for stage in verdicts[0]:
        told = [by_stage[stage] for by_stage in verdicts if stage in by_stage]
        kept = sum(verdict["decision"] == "kept" for verdict in told)
        decision = "reference" if told[0]["decision"] == "reference" else f"{kept} of {len(told)}"
        table.append(row(told[0]["label"], told, decision))
    shipped = [by_stage[run["kept"]] for by_stage, run in zip(verdicts, runs, strict=True)]
    often = collections.Counter(verdict["label"] for verdict in shipped).most_common()
    table.append(row(f"shipped ({', '.join(f'{label} {count}×' for label, count in often)})", shipped, ""))
    return table if taught(found) else [[*cells[:-2], cells[-1]] for cells in table]


def row(label: str, told: Sequence[dict[str, Any]], decision: str) -> list[str]:
    """Tell one model's figures over the seeds."""
    shown, scores = metric.of(told[0]), [verdict["test"]["value"] for verdict in told]
    speedups = [verdict["speedup_over_teacher"]["ratio"] for verdict in told if verdict["speedup_over_teacher"]]
    return [
        label,
        reached(shown, scores),
        span([verdict["parameters"] for verdict in told], console.number),
        span([verdict["bytes"] for verdict in told], console.size),
        span([verdict["latency"]["p50_us"] for verdict in told], significant),
        span(speedups, lambda ratio: f"{significant(ratio)}×") if speedups else "",
        decision,
    ]


def reached(shown: Metric, scores: Sequence[float]) -> str:
    """Write the mean over the seeds and its range: "98.12 % (97.90 to 98.31)", "1.930 bits (1.921 to 1.944)"."""
    mean, *ends = (shown.shown(score) for score in (statistics.mean(scores), *sorted(scores, key=shown.shown)))
    low, high = ends[0], ends[-1]
    if shown.share:
        return f"{100 * mean:.2f} %" + (f" ({100 * low:.2f} to {100 * high:.2f})" if len(scores) > 1 else "")
    return f"{mean:.3f} {shown.unit}".rstrip() + (f" ({low:.3f} to {high:.3f})" if len(scores) > 1 else "")


def span(values: Sequence[float], write: Any) -> str:
    """Write the least and the greatest value, or one where they read the same."""
    low, high = write(min(values)), write(max(values))
    return low if low == high else f"{low} to {high}"


def markdown(columns: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """Write a table as documents have it."""
    lines = [columns, ["---"] + ["---:"] * (len(columns) - 1), *table]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
