"""What came of `edgekit quantize`, for people: the ways, the layers, the decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LAYERS = 10


def print_outcome(said: Mapping[str, Any]) -> None:
    """Print a row for each attempt, the most sensitive layers, and the decision."""
    from edgekit import console

    rows = [["float", "", "", console.size(said["float"]["bytes"]), _time(said["float"]["p50_us"]), "", ""]]
    for each in said["attempts"]:
        rows.append(
            [
                each["way"],
                f"{len(each['floats'])} of {said['float']['layers']}",
                _points(each["change"]),
                console.size(each["bytes"]),
                _time(each["p50_us"]),
                _speed(each["speed"]),
                _verdict(each, said),
            ]
        )
    columns = ["way", "in float", said["metric"]["name"], "size", "p50", "speed-up", ""]
    console.table(columns, rows)
    worst = list(said["sensitivity"].items())
    if worst:
        scale = worst[0][1] or 1.0
        shown = [[name, f"{value:.1e}", "█" * max(1, round(20 * value / scale))] for name, value in worst[:_LAYERS]]
        console.table(["layer alone in 8 bits", "divergence", ""], shown)
        if len(worst) > _LAYERS:
            console.answer(f"{len(worst) - _LAYERS} more layers diverge by less")
    for note in said["notes"]:
        console.answer(f"note: {note}")
    kept = said["kept"]
    if kept:
        left = f", {', '.join(kept['floats'])} in float" if kept["floats"] else ""
        console.answer(
            f"kept: {kept['way']}{left}: {_points(kept['change'])} points, {_speed(kept['speed'])} the speed"
        )
        if kept["saturation"] is not None:
            console.answer(f"fused kernels answer up to {kept['saturation']:.2g} otherwise than the graph as written")
        if not said["within_budget"]:
            console.answer(f"kept anyway: {said['reason']}")


def _verdict(each: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    kept = said["kept"]
    if kept and (each["way"], each["floats"]) == (kept["way"], kept["floats"]):
        return "kept"
    if not each["change"]:
        return "not faster"
    limit = said["budget"]["max_drop_points"]
    return "loses too much" if limit is not None and -each["change"]["points"] > limit else "no better"


def _points(change: Mapping[str, Any]) -> str:
    if not change:
        return "-"
    return f"{change['points']:+.2f} [{change['low']:+.1f}, {change['high']:+.1f}]".replace("-", "−")


def _speed(speed: Mapping[str, float]) -> str:
    return f"{speed['ratio']:.2f}× [{speed['low']:.2f}, {speed['high']:.2f}]" if speed else "-"


def _time(us: float) -> str:
    return f"{us / 1000:.2f} ms" if us >= 1000 else f"{us:.1f} µs"
