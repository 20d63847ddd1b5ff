"""Writes report.html: a run on one page that needs nothing else, for a person who decides.

One file: styles and plots are inside, no script runs, nothing is fetched (the page forbids it to itself). What a run
says of itself is escaped by jinja2; only the plots go in as they are, and images as data.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgekit import console, files
from edgekit.errors import BundleError
from edgekit.extras import need
from edgekit.manifest import Manifest
from edgekit.reporting import comparing, layers, record, templates, wording
from edgekit.reporting.differences import Differences
from edgekit.reporting.record import Run, Verdict
from edgekit.signature import Tensor
from edgekit.tasks import TASKS

FILE = "report.html"
_TEMPLATE = "report.html.j2"
_CLASSES = 20  # of whose names more are not read
_AXES: dict[str | None, int] = {"images": 4, "features": 2}  # of the input that a predictor takes
_PLOTS = ("tradeoff", "curves", "reliability")
_WIDE, _NARROW = 860, 350  # points; the page shows one or the other


def write(run_folder: Path) -> Path:
    """Make report.html from run.json, the histories and the pictures in `run_folder`, and return its path.

    An unfinished run gets a page too, which says what is missing. Raises DataError where run.json is absent or damaged.
    """
    run = record.read(run_folder)
    need("matplotlib", "making the report")
    environment = templates.environment()
    shared = (
        wording.percent, wording.score, wording.score_interval, wording.f1, wording.worst, wording.change,
        wording.points, wording.points_apart, wording.speedup, wording.parity, console.size, console.number,
        console.duration, unbroken,
    )  # fmt: skip
    environment.filters.update({function.__name__: function for function in shared})
    text = environment.get_template(_TEMPLATE).render(**_said(run, run_folder), **_plots(run, run_folder))
    path = run_folder / FILE
    files.write_text(path, text)
    return path


def unbroken(text: str) -> str:
    """Keep a figure with its unit or interval on one line."""
    for close in (" %", " µs", " ms", " = ", " [", " points"):
        text = text.replace(close, close.replace(" ", "\u00a0"))
    return re.sub(r"(\[[^\]]*,) ", "\\1\u00a0", text)


def _plots(run: Run, folder: Path) -> dict[str, Any]:
    from markupsafe import Markup

    from edgekit.reporting import plots
    from edgekit.reporting.curves import curves_svg
    from edgekit.reporting.layer_plots import layers_svg
    from edgekit.reporting.reliability import reliability_svg

    found: dict[str, Any] = {f"{plot}_{size}": "" for plot in _PLOTS for size in ("wide", "narrow")}
    if run.verdicts:
        found["tradeoff_wide"] = Markup(plots.tradeoff_svg(run, "tradeoff", _WIDE))
        found["tradeoff_narrow"] = Markup(plots.tradeoff_svg(run, "tradeoff-narrow", _NARROW))
    histories = [(stage, record.history(folder, stage)) for stage in run.stages]
    curves = [(stage.verdict.label if stage.verdict else stage.id, epochs) for stage, epochs in histories if epochs]
    if curves:
        found["curves_wide"] = Markup(curves_svg(curves, "curves", _WIDE, 4))
        found["curves_narrow"] = Markup(curves_svg(curves, "curves-narrow", _NARROW, 2))
    if isinstance(run.differences, Differences) and (models := comparing.calibrations(run, run.differences)):
        found["reliability_wide"] = Markup(reliability_svg(models, "reliability", _WIDE, 2))
        found["reliability_narrow"] = Markup(reliability_svg(models, "reliability-narrow", _NARROW, 1))
    found["layers"] = [
        (step, *(Markup(layers_svg(step, f"layers-{step.stage}-{width}", width)) for width in (_WIDE, _NARROW)))
        for step in layers.steps(run)
    ]
    return found


def _said(run: Run, folder: Path) -> dict[str, Any]:
    """Everything the template says that is not a plot."""
    from markupsafe import Markup

    shipped, teacher = run.shipped, run.teacher

    def badge(verdict: Verdict) -> Markup:
        word = "in the bundle" if verdict is shipped else verdict.word
        word += ", kept anyway" if verdict is shipped and verdict.anyway else ""
        kind = "shipped" if verdict is shipped else verdict.decision
        return Markup('<span class="badge {}">{}</span>').format(kind, word)

    notes: dict[str, list[str]] = {}
    for verdict in run.verdicts:
        for note in verdict.notes:
            notes.setdefault(note, []).append(verdict.label)
    snippet, command = _use(run, folder)
    return {
        "run": run,
        "headline": wording.headline(run),
        "created": _moment(run.created),
        "verdicts": run.verdicts,
        "shipped": shipped,
        "teacher": teacher,
        "beside": teacher is not None and shipped is not teacher,
        "unit": wording.unit(run.verdicts),
        "conditions": _conditions(run.verdicts),
        "targets": [(*wording.target(target, run.metric), target.met) for target in run.targets],
        "badge": badge,
        "classes": any(verdict.worst_class for verdict in run.verdicts),
        "direction": wording.direction(run.metric),
        "snippet": snippet,
        "command": command,
        "facts": [("data and seed", _data(run)), ("machine and versions", _machine(run))],
        "recipe": need("yaml", "making the report").safe_dump(run.recipe, sort_keys=False, allow_unicode=True),
        "notes": notes,
        **comparing.said(run, folder),
    }


def _conditions(verdicts: list[Verdict]) -> str:
    if not verdicts:
        return ""
    latency = verdicts[0].latency
    return f"{latency.device}, batch {latency.batch}, {latency.threads} thread{'s' if latency.threads > 1 else ''}"


def _use(run: Run, folder: Path) -> tuple[str, str]:
    """Write five lines of Python that answer with the bundle, and the command that does the same, if there is one."""
    try:
        card = Manifest.read(folder / (run.bundle or "bundle"))
    except BundleError:
        return "", ""
    first = card.inputs[0]
    predictor = TASKS[card.task].predictor if card.task in TASKS else None
    lines = ["import edgekit", "import numpy as np", f'model = edgekit.load("{run.bundle}")']
    if len(first.shape) != _AXES.get(predictor):
        feeds = ", ".join(f'"{tensor.name}": {_zeros(tensor, tensor.shape)}' for tensor in card.inputs)
        lines += [f"answers = model({{{feeds}}})", "print({name: array.shape for name, array in answers.items()})"]
        return "\n".join(lines), ""
    images = predictor == "images"
    comment = '  # or a file: "image.png"' if images else ""
    lines += [f"answer = model.predict({_zeros(first, first.shape[1:])}){comment}"]
    lines += ["print(answer.label, answer.probability)"]
    return "\n".join(lines), f"$ edgekit predict {run.bundle} image.png" if images else ""


def _zeros(tensor: Tensor, shape: tuple[int | str, ...]) -> str:
    """Write an array to begin with; of a dynamic dimension the batch is 1 and any other 32."""
    sizes = tuple(dim if isinstance(dim, int) else 1 if dim == tensor.shape[0] else 32 for dim in shape)
    return f"np.zeros({sizes}, np.{tensor.dtype})"


def _moment(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return text


def _data(run: Run) -> list[tuple[str, str]]:
    facts = [("recipe", f"{run.recipe_file or run.name}, seed {run.seed}")]
    if run.data:
        data = run.data
        more = " …" if len(data.labels) > _CLASSES else ""
        counts = (("train", data.train), ("judge", data.validation), ("test", data.test))
        facts += [
            ("data", data.source),
            ("examples", ", ".join(f"{count:,} to {use}" for use, count in counts if count is not None)),
            ("classes", f"{len(data.labels):,}: {', '.join(data.labels[:_CLASSES])}{more}" if data.labels else ""),
            ("fingerprint", data.fingerprint[:16]),
        ]
    return [(name, value) for name, value in facts if value]


def _machine(run: Run) -> list[tuple[str, str]]:
    machine = run.machine
    cores, usable = machine.get("cores"), machine.get("usable_cores")
    facts = [
        ("processor", machine.get("cpu")),
        ("architecture", machine.get("architecture")),
        ("instructions", ", ".join(machine.get("flags") or [])),
        ("cores", cores if usable in (None, cores) else f"{cores}, of which {usable:g} may be used"),
        ("memory", console.size(machine["memory_bytes"]) if machine.get("memory_bytes") else None),
        ("system", machine.get("system")),
        ("governor", machine.get("governor")),
        ("GPUs", ", ".join(map(str, machine.get("gpus") or []))),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items() if version)),
    ]
    return [(name, str(value)) for name, value in facts if value]
