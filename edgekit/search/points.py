"""What is left of a search: the recipe that makes each chosen point at full length, and its bundle. No torch."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edgekit import files
from edgekit.metric import Metric
from edgekit.recipe import finding
from edgekit.recipe.data import SOURCES
from edgekit.recipe.document import OVERRIDE, read, read_value
from edgekit.recipe.overrides import put
from edgekit.search import space
from edgekit.search.asking import POINTS, Plan

# Where a recipe names files that may lie beside it.
_FILES = {
    "data": ("source", "validation", "test", "unlabelled"),
    "data.text": ("tokenizer",),
    "teacher": ("model", "onnx"),
    "teacher.weights": ("file",),
    "teacher.start": ("file",),
    "student": ("model",),
    "student.start": ("file",),
}


def write(plan: Plan, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Write recipe and bundle of every chosen point; return the chosen with the names of both, null where not here."""
    folder, trials = plan.folder / POINTS, {row["number"]: row for row in record["trials"]}
    chosen = []
    for point in record["chosen"]:
        name, row = point["name"], trials[point["trial"]]
        files.write_text(folder / f"{name}.yaml", recipe(plan, record, point, row))
        bundle = plan.folder / row["run"] / "bundle" if row["run"] else None
        if bundle:
            with files.atomic_folder(folder / name) as temporary:
                shutil.copytree(bundle, temporary, dirs_exist_ok=True)
        kept = f"{POINTS}/{name}" if bundle else None
        chosen.append(point | {"recipe": f"{POINTS}/{name}.yaml", "bundle": kept})
    for old in folder.iterdir() if folder.is_dir() else ():
        if old.name.removesuffix(".yaml") not in {point["name"] for point in chosen}:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    return chosen


def recipe(plan: Plan, record: Mapping[str, Any], point: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Write the recipe that makes a trial's model at full length: the recipe's own, with what was drawn."""
    path = plan.loaded.path
    document = read(path.read_text(encoding="utf-8"), finding.shown(path))
    for override in [*plan.asked.overrides, *space.written(plan.lifted), *space.written(row["overrides"])]:
        key, _, value = override.partition("=")
        put(document, tuple(key.strip().split(".")), read_value(value), OVERRIDE)
    values = copy.deepcopy(document.values)
    for key in ("search", "expect"):
        values.pop(key, None)
    if values["student"].get("start") is None:
        values["student"].pop("start", None)
    values["name"] = f"{values['name']}-{point['name']}"
    if not values.get("quick"):
        values.pop("quick", None)
    for at, keys in _FILES.items():
        part: Any = values
        for key in at.split("."):
            part = part.get(key) if isinstance(part, dict) else None
        _place(part, keys, plan.loaded.folder)
    for network in (values.get("teacher") or {}).get("also", []):
        for part, keys in ((network, ("model", "onnx")), (network.get("weights"), ("file",))):
            _place(part, keys, plan.loaded.folder)
    told = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
    return "\n".join([*_opening(plan, record, point, row), told])


def _opening(plan: Plan, record: Mapping[str, Any], point: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    metric = Metric(**record["metric"])
    share = 100 if metric.share else 1
    score, low, high = (
        None if row[key] is None else metric.shown(row[key] / share) for key in ("metric", "metric_low", "metric_high")
    )
    assert score is not None
    found = metric.estimate(score, *((low, high) if metric.sign > 0 else (high, low)))
    speed = f", {row['speedup']:.1f} times the teacher's speed" if row["speedup"] else ""
    return [
        f"# edgekit distill {finding.shown(plan.folder / POINTS / (point['name'] + '.yaml'))}    at its full length",
        f"# {point['why']}",
        f"# trial {row['number']} of {record['id']}, trained shortly: {metric.name} {found} on validation{speed},",
        f"# {row['p50_ms']:.3g} ms, {row['bytes']:,} bytes, after {row['kept']}",
    ]


def _place(part: Any, keys: tuple[str, ...], folder: Path) -> None:
    """Write the files that lie beside the recipe by where they are: the point's recipe lies elsewhere."""
    for key in keys if isinstance(part, dict) else ():
        name = part.get(key)
        if isinstance(name, str) and name not in SOURCES and not name.startswith((finding.DATA, "hf:")):
            found = folder / Path(name).expanduser()
            if found.exists():
                part[key] = str(found.resolve())
