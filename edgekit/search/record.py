"""search.json: what a search asked, every trial, and the front, in figures that people read. No torch.

It is written in one step after every trial, and holds all that the page and the table show.
"""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit import __version__, files, hardware
from edgekit.search import choosing, front, storage, study
from edgekit.search.asking import JOURNAL, RECORD, Plan

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

PACKAGES = ["optuna", "torch", "onnx", "onnxruntime", "numpy", "torch-pruning"]
_FIGURES = (
    "metric", "metric_low", "metric_high", "n", "speedup", "speedup_low", "speedup_high", "p50_ms", "bytes",
    "parameters", "kept", "seconds",
)  # fmt: skip


def read(folder: Path) -> dict[str, Any]:
    """Return the record in `folder`, {} where there is none."""
    found = files.read_json(folder / RECORD)
    return found if isinstance(found, dict) else {}


def make(plan: Plan, shared: Study, status: str, seconds: float) -> dict[str, Any]:
    """Make the record of the study as it stands; `seconds` is what all sittings took."""
    noted = shared.user_attrs
    metric = noted["metric"]
    rows = [row(trial, plan.folder, metric) for trial in study.trials(shared) if study.state(trial) != "waiting"]
    known = read(plan.folder)
    record = {
        "schema": 1,
        "name": plan.recipe.name,
        "id": plan.folder.name,
        "status": status,
        "recipe_file": plan.loaded.path.name,
        "command": command(plan),
        "created": known.get("created") or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "trials_asked": plan.asked.trials,
        "jobs": plan.asked.jobs,
        "storage": storage.kind(plan.asked.storage),
        "machine": hardware.machine(),
        "versions": {"edgekit": __version__, **hardware.versions(PACKAGES)},
        "data": noted["counts"],
        "metric": metric,
        "limits": noted["limits"],
        "space": plan.search.model_dump(mode="json", exclude_defaults=True)["space"],
        "short": plan.search.short,
        "rungs": plan.search.rungs,
        "teacher": noted.get("teacher"),
        "trials": rows,
        "front": _front(rows, metric["sign"]),
        "chosen": [],
        "points": plan.search.points,
    }
    return record | {"chosen": choosing.chosen(record)}


def command(plan: Plan) -> str:
    """Write the command that goes on with the search, with stars for a database's password."""
    asked, runs = plan.asked, plan.folder.parent.parent
    words = ["edgekit", "search", asked.recipe, *asked.overrides, "--trials", str(asked.trials)]
    words += ["--jobs", str(asked.jobs)] if asked.jobs > 1 else []
    words += ["--storage", storage.shown(asked.storage, plan.folder / JOURNAL)] if asked.storage else []
    words += ["--quick"] if asked.quick else []
    words += ["--runs", str(runs)] if runs != Path("runs") else []
    return shlex.join(words)


def row(trial: FrozenTrial, folder: Path, metric: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trial as a row of the record; its run only where it lies on this machine."""
    scale = metric["sign"] * (100 if metric["unit"] == "%" else 1)
    noted = trial.user_attrs
    outcome = noted.get("outcome", {})
    run = outcome.get("run")
    return {
        "number": trial.number,
        "state": study.state(trial),
        "why": outcome.get("why", ""),
        "own": bool(noted.get("own")),
        "overrides": noted.get("overrides", {}),
        **{name: outcome.get(name) for name in _FIGURES},
        "duplicate": outcome.get("duplicate"),
        "rung_scores": {rung: scale * score for rung, score in noted.get("rungs", {}).items()},
        "worker": noted.get("worker"),
        "run": run if run and (folder / run / "bundle").is_dir() else None,
    }


def _front(rows: list[dict[str, Any]], sign: int) -> list[int]:
    """Return the numbers of the trials that no other beats, fastest first; of equal ones the first."""
    whole = [row for row in rows if row["state"] == "complete" and row["duplicate"] is None]
    points = [(-sign * row["metric"], row["p50_ms"], row["bytes"]) for row in whole]
    found = sorted((whole[place] for place in front.front(points)), key=lambda row: row["p50_ms"])
    return [row["number"] for row in found]
