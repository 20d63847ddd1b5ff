"""What the tables of a measurement's page hold: its figures, what each model costs beside, and where its time goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit import console
from edgekit.latency.comparison import verdict
from edgekit.latency.standing import Row, Standing
from edgekit.reporting import bench_wording, wording

_OPERATORS = 8  # of a profile, of which the rest is counted
_SHOWN = 0.005  # the part of the time from which on an operator is told
_PROFILES = 4


def rows(standing: Standing) -> list[dict[str, Any]]:
    """Say of each row what its cells hold."""
    unit = bench_wording.unit([row.entry for row in standing.rows])
    varying = bench_wording.varying([row.entry for row in standing.rows])
    found = []
    for row in standing.rows:
        summary = row.figures
        tails = {90: summary["p90_us"], 99: summary["p99_us"], 99.9: row.entry.samples.percentile(99.9)}
        found.append(
            {
                "name": row.entry.name,
                "record": row.record,
                "setting": bench_wording.setting(row.entry, varying).replace(" ", "\u00a0").replace(",\u00a0", ", "),
                "p50": unit(summary["p50_us"]),
                "interval": f"[{unit(summary['p50_low_us'])}, {unit(summary['p50_high_us'])}]",
                "tails": ["" if time is None else unit(time) for time in tails.values()],
                "lacking": [row.entry.samples.lacking(q) for q in tails],
                "n": f"{len(row.entry.samples):,}",
                "copies": len(set(row.entry.samples.copies.tolist())),
                "bears": bench_wording.bears(row.entry),
                "limit": _limit(row.entry.ceiling),
                **_standing(row),
            }
        )
    return found


def _limit(ceiling: Mapping[str, Any] | None) -> str:
    """Say how much of what the machine can do was used, and what of it: 42 % of compute."""
    if not ceiling or not ceiling.get("bound"):
        return ""
    key = {"memory": "bandwidth"}.get(ceiling["bound"], ceiling["bound"])
    return _share(ceiling[f"{key}_share"], ceiling["bound"])


def _share(share: float | None, bound: str) -> str:
    return "" if share is None else f"{100 * share:.0f} %\u00a0{bound}"


def costs(standing: Standing) -> list[dict[str, str]]:
    """Say what each model costs beside its time: of a sweep in its first setting, and once where records agree."""
    by_model: dict[str, dict[str, dict[str, str]]] = {}
    for row in (row for row in standing.rows if row.entry.bytes is not None):
        found = row.entry.costs or {}
        told = {
            "file": row.entry.bytes and console.size(row.entry.bytes),
            "weights": row.entry.precision,
            "load": _told(found.get("load_cold_ms"), "ms"),
            "again": _told(found.get("load_warm_ms"), "ms"),
            "memory": found.get("peak_bytes") and console.size(found["peak_bytes"]),
            "energy": _told(found.get("energy_mj"), "mJ"),
        }
        said = {key: str(value or "") for key, value in told.items()}
        by_model.setdefault(row.entry.name, {}).setdefault(row.record, said)
    rows = []
    for name, records in by_model.items():
        agree = all(said == next(iter(records.values())) for said in records.values())
        for record, said in list(records.items())[: 1 if agree else None]:
            rows.append({"name": name, "record": "" if agree else record, **said})
    return rows


def _told(value: float | None, unit: str) -> str:
    return "" if value is None else f"{wording.significant(value)} {unit}"


def profiles(standing: Standing) -> list[dict[str, Any]]:
    """Say where the time of each profiled row goes, by operator, the longest first."""
    found = []
    for place, (row, label) in enumerate(zip(standing.rows, bench_wording.labels(standing), strict=True)):
        if row.entry.profile:
            kinds = row.entry.profile["operators"]
            shown = [kind for kind in kinds[:_OPERATORS] if kind["share"] >= _SHOWN]
            rows = [
                {
                    "op": f"{kind['op']} on {kind['device']}" if kind["fallback"] else kind["op"],
                    "nodes": kind["nodes"],
                    "us": wording.significant(kind["us"]),
                    "share": f"{100 * kind['share']:.0f} %",
                    "limit": f"{100 * kind['ceiling_share']:.0f} %\u00a0{kind['bound']}"
                    if kind["ceiling_share"]
                    else "",
                }
                for kind in shown
            ]
            found.append({"place": place, "label": label, "rows": rows, "more": len(kinds) - len(shown)})
    return found[:_PROFILES]


def _standing(row: Row) -> dict[str, Any]:
    """Say how a row stands to the first of its record and to the baseline: figure, interval, verdict, over what."""
    told: dict[str, Any] = {"over_first": None, "over_baseline": None, "barred": bench_wording.barred(row)}
    for key, speed in (("over_first", row.over_first), ("over_baseline", row.over_baseline)):
        if speed:
            figure, _, interval = bench_wording.ratio(speed).partition(" ")
            told[key] = {"figure": figure, "interval": interval.replace(" ", "\u00a0"), "verdict": verdict(speed)}
    return told
