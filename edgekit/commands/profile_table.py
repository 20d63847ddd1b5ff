"""Where the time of a model goes, as tables for a terminal of 100 columns. Imports nothing until it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgekit.latency.record import Record
    from edgekit.reporting.wording import Unit

_ROWS, _FEWEST = 20, 5  # nodes that have a row of their own
_SHOWN = 0.01  # the share of the time from which on one has it
_OPERATORS = 8
_WIDTH, _BETWEEN = 100, 3  # columns, and those between two
_NAMED = 44  # characters of a model's name
_WIDEST = 22  # characters of an operator
_ABOVE = (
    "above 100 %: the limits are those of matrix products and of reading weights; what finds its data in a nearer "
    "cache, or has a better kernel, goes beyond"
)
_PADDED = 1.02  # from so many times the file's MACs on it is told


def print_limits(record: Record) -> None:
    """Print how near its limits each model ran, and where the time goes of those that were profiled."""
    from edgekit import console
    from edgekit.reporting import bench_wording
    from edgekit.reporting.wording import significant

    varying = bench_wording.varying(record.models)
    rows, highest = [], 0.0
    for entry in record.models:
        near = entry.ceiling
        if near:
            found = [near[key] for key in ("compute_share", "bandwidth_share", "overhead_share")]
            shares, highest = [f"{100 * share:.0f} %" for share in found], max(highest, *found)
            setting = bench_wording.setting(entry, varying)
            rate = significant(2e-3 * near["macs"] / entry.samples.p50)
            name = _elided(entry.name + (setting and f" ({setting})"), _NAMED)
            rows.append([name, console.number(near["macs"]), rate, *shares])
    if rows:
        console.table(["of its limits", "MACs", "GFLOP/s", "compute", "memory", "overhead"], rows)
    for machine in (record.ceilings or {}).values():
        console.answer(ceilings_line(machine))
    if highest > 1:
        console.answer(f"note: {_ABOVE}")
    for entry in record.models:
        if entry.profile:
            setting = bench_wording.setting(entry, varying)
            at = (record.ceilings or {}).get(str(entry.threads)) if entry.device == "cpu" else None
            print_profile(entry.profile, entry.name + (setting and f" ({setting})"), at)


def print_profile(profile: Mapping[str, Any], name: str, ceilings: Mapping[str, Any] | None) -> None:
    """Print where the time of the model `name` goes, by operator and by node, and how near the limits that is."""
    from edgekit import console
    from edgekit.reporting import wording

    slow = profile["p50_us"] >= 10_000
    unit = wording.Unit("ms", 1000.0) if slow else wording.Unit("µs", 1.0)
    columns = [unit.name, "of the time", "MACs", "GFLOP/s", "nearest limit"]
    kinds, nodes = profile["operators"], profile["nodes"]
    console.answer(f"where the time of {name} goes")
    rows = [[_operator(kind), str(kind["nodes"]), *_figures(kind, unit)] for kind in kinds[:_OPERATORS]]
    console.table(["operator", "nodes", *columns], rows + _rest(kinds[_OPERATORS:], "operator", unit))
    shown = min(_ROWS, max(_FEWEST, sum(node["share"] >= _SHOWN for node in nodes)))
    rows = [[node["label"], _operator(node), *_figures(node, unit)] for node in nodes[:shown]]
    rows += _rest(nodes[shown:], "node", unit)
    outside = profile["outside_us"]
    rows.append(["outside the nodes", "", *_time(outside, outside / profile["p50_us"], unit), "", "", ""])
    rows.append(["all of it", "", *_figures(_whole(profile, ceilings), unit)])
    taken = sum(
        max(map(len, column)) + _BETWEEN
        for column in zip(["operator", *columns], *(row[1:] for row in rows), strict=True)
    )
    named = [[_elided(row[0], _WIDTH - taken - 2), *row[1:]] for row in rows]
    console.table(["node", "operator", *columns], named, left=2)
    for line in _said(profile, unit):
        console.answer(f"note: {line}")


def ceilings_line(ceilings: Mapping[str, Any]) -> str:
    """Say what the machine can do at most, through what, and when that was measured."""
    from edgekit.reporting.wording import significant

    def value(name: str) -> str:
        return significant(ceilings[name]["value"])

    threads = ceilings["threads"]
    near = ceilings["bandwidths"][0]
    moment = ceilings.get("measured", "")[:10]
    when = f"kept from {moment}" if ceilings.get("kept") else "measured just now"
    return (
        f"limits of {threads} thread{'s' * (threads > 1)} through {ceilings['runtime']}, {when}: "
        f"{value('fp32_gflops')} GFLOP/s in fp32, {value('int8_gops')} GOP/s in int8, "
        f"{significant(near['value'])} GB/s from cache, {value('bandwidth_gbs')} from memory, "
        f"{value('empty_run_us')} µs for an empty run"
        + (", on a busy machine: they may be higher" if ceilings.get("busy") else "")
    )


def _figures(row: Mapping[str, Any], unit: Unit) -> list[str]:
    from edgekit import console
    from edgekit.reporting.wording import significant

    rate = "" if not row["gflops"] else significant(row["gflops"])
    count = "?" if row["macs"] is None else console.number(row["macs"]) if row["macs"] else ""
    return [*_time(row["us"], row["share"], unit), count, rate, _limit(row)]


def _limit(row: Mapping[str, Any]) -> str:
    """Say how much of which limit is used: 60 % fp32, 9 % int8, 38 % memory; of both precisions 58 % compute."""
    if row["ceiling_share"] is None:
        return ""
    kind = row["bound"]
    if kind == "compute" and "int8" in row:
        kind = "int8" if row["int8"] else "fp32"
    return f"{100 * row['ceiling_share']:.0f} % {kind}"


def _time(us: float, share: float, unit: Unit) -> list[str]:
    short = us < 1 and unit.microseconds == 1  # the profiler tells no less
    return ["< 1" if short else unit(us), f"{100 * share:.0f} %" if share >= 0.005 else ""]


def _rest(left: Sequence[Mapping[str, Any]], what: str, unit: Unit) -> list[list[str]]:
    if not left:
        return []
    time = _time(sum(row["us"] for row in left), sum(row["share"] for row in left), unit)
    return [[f"{len(left)} {what}{'s' * (len(left) > 1)} more", "", *time, "", "", ""]]


def _whole(profile: Mapping[str, Any], ceilings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the row of the whole run."""
    from edgekit.measuring import roofline

    work, us = roofline.Work(**profile["work"]), profile["p50_us"]
    macs = work.macs or profile.get("file_macs")
    row: dict[str, Any] = {"us": us, "share": 1.0, "macs": macs, "gflops": macs and 2e-3 * macs / us}
    if ceilings is None or not work.bytes:
        return {**row, "ceiling_share": None, "bound": None}
    shares = roofline.share(work, us, ceilings)
    return {**row, "ceiling_share": shares[roofline.SHARE_OF[shares["bound"]]], "bound": shares["bound"]}


def _operator(row: Mapping[str, Any]) -> str:
    """Name an operator, and mark what runs elsewhere than asked."""
    if row["fallback"]:
        return f"! {_elided(row['op'], _WIDEST - 9)} on {row['device']}"
    return _elided(row["op"], _WIDEST)


def _said(profile: Mapping[str, Any], unit: Unit) -> list[str]:
    from edgekit.reporting.wording import significant

    traced, plain, cost = unit(profile["traced_us"]), unit(profile["p50_us"]), profile["profiler_us"]
    said = [
        f"a run took {traced} {unit.name} with the profiler, {plain} without; "
        f"{significant(cost)} µs of that lay inside each node's time and are taken off: it is known to about 1 µs"
    ]
    if profile["outside_us"] < -0.02 * profile["p50_us"]:
        said.append("the nodes take longer than the whole run did without the profiler: trust their shares alone")
    elsewhere = sorted({f"{node['op']} on {node['device']}" for node in profile["nodes"] if node["fallback"]})
    if elsewhere:
        said.append(f"!: not on the device that was asked for: {', '.join(elsewhere)}")
    elif any(node["device"] not in ("cpu", "openvino") for node in profile["nodes"]):
        said.append("of a GPU the time is that of handing a node over, not of the node")
    if all(node["macs"] is None for node in profile["nodes"]):
        said.append("what a node does is not known: the device compiled the graph into nodes of its own")
    macs, asked = profile["work"]["macs"], profile.get("file_macs")
    if asked and macs > _PADDED * asked:
        said.append(
            f"{macs / asked:.2f} times the file's MACs are made: onnxruntime fills up channels to whole blocks, "
            "so wider layers may cost no more"
        )
    if any((node["ceiling_share"] or 0) > 1 for node in profile["nodes"]):
        said.append(_ABOVE)
    return said


def _elided(text: str, width: int) -> str:
    """Cut a text in its middle where it is too wide: the ends tell names of nodes apart."""
    if len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{text[: width - 1 - half]}…{text[len(text) - half :]}"
