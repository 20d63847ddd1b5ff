"""What the page says of where the model in the bundle and its teacher part: rows and sentences for the template."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from edgekit.reporting import wording
from edgekit.reporting.differences import Calibration, ClassAccuracy, Differences, NotCompared, Pictures
from edgekit.reporting.figures import Change
from edgekit.reporting.record import Run, Verdict

_CLASSES = 20  # more than these are not read
_KINDS = {
    "lost": "only the teacher is right",
    "won": "only the {} model is right",
    "apart": "both are wrong, each in its own way",
}

_METHODS = {"CAM": "CAM (Zhou et al. 2016)", "Grad-CAM": "Grad-CAM (Selvaraju et al. 2017)"}


class ClassRow(NamedTuple):
    """A class, how many examples it has, the part of them that each model names rightly, and the change."""

    label: str
    n: int | None
    accuracy: list[float | None]
    change: Change | None


class Case(NamedTuple):
    """An example to look at: its class, its number, its pictures, and (label, sure, right) of teacher and model."""

    label: str
    example: int
    picture: Any
    answers: tuple[tuple[str, float, bool], tuple[str, float, bool]]


def said(run: Run, folder: Path) -> dict[str, Any]:
    """Return what the template needs for its sections on the differences; of a run without such a pair, nothing."""
    nothing: dict[str, Any] = {"differ": None, "why_not": "", "class_rows": [], "cases": []}
    model, teacher = run.shipped, run.teacher
    if model is None or teacher is None or model is teacher:
        return nothing
    told = run.differences
    rows = _class_rows(run, model, teacher)
    changed = sorted(rows, key=_changed)[:_CLASSES]
    found = nothing | {
        "class_rows": [row for row in rows if row in changed],
        "class_count": len(rows),
        "class_models": _columns(run, model, teacher),
        "class_reach": max((abs(end) for row in changed if row.change for end in _ends(row.change)), default=0) or 1,
    }
    if not isinstance(told, Differences):
        why = told.missing if isinstance(told, NotCompared) else "it was made before edgekit kept every answer"
        return found | {"why_not": why}
    return found | {
        "differ": told,
        "counts": _counts(told, model),
        "pairs": [(_name(run, pair.label), _name(run, pair.said), pair.teacher, pair.model) for pair in told.pairs],
        "calibrations": [(label, each, calibrated(each)) for label, each in calibrations(run, told)],
        "cases": _cases(run, told, model, folder),
        "maps": _maps(run, told.pictures),
    }


def calibrations(run: Run, told: Differences) -> list[tuple[str, Calibration]]:
    """List teacher and model by their labels, each with its calibration."""
    stages = [stage for stage in (told.teacher, told.model) if stage in told.calibration]
    return [(_label(run, stage), told.calibration[stage]) for stage in stages]


def calibrated(told: Calibration) -> str:
    """Say in words what an expected calibration error comes to."""
    chance = f"(up to {wording.points(told.chance)})"
    if told.ece <= told.chance:
        return f"no more than chance makes of a model that is exactly as sure as it should be {chance}"
    way = "surer than it should be" if told.excess > 0 else "less sure than it could be"
    return f"more than chance makes {chance}: on average {wording.points(abs(told.excess))} {way}"


def _label(run: Run, stage: str) -> str:
    verdict = run.verdict(stage)
    return verdict.label if verdict else stage


def _name(run: Run, label: int) -> str:
    labels = run.data.labels if run.data else []
    return labels[label] if label < len(labels) else str(label)


def _counts(told: Differences, model: Verdict) -> list[tuple[str, int, float]]:
    counts = told.counts
    rows = [
        ("both are right", counts.both),
        (_KINDS["lost"], counts.lost),
        (_KINDS["won"].format(model.label), counts.won),
        ("both are wrong, and say the same", counts.alike),
        (_KINDS["apart"], counts.apart),
    ]
    return [(words, count, count / counts.n) for words, count in rows]


def _columns(run: Run, model: Verdict, teacher: Verdict) -> list[str]:
    told = run.differences
    stages = [teacher.stage, "student", model.stage]
    known = set(told.classes[0].accuracy) if isinstance(told, Differences) and told.classes else {stages[0], stages[2]}
    return [_label(run, stage) for stage in dict.fromkeys(stages) if stage in known]


def _class_rows(run: Run, model: Verdict, teacher: Verdict) -> list[ClassRow]:
    """Pair the scores of every class; from the verdicts alone, and without change, where the run has no more."""
    told = run.differences
    if isinstance(told, Differences):
        stages = list(dict.fromkeys([told.teacher, "student", told.model]))
        return [_class_row(run, row, stages) for row in told.classes]
    ours, theirs = model.test.per_class or [], teacher.test.per_class or []
    if run.data is None or not len(run.data.labels) == len(ours) == len(theirs):
        return []
    paired = zip(run.data.labels, theirs, ours, strict=True)
    return [ClassRow(label, None, [*pair], None) for label, *pair in paired if None not in pair]


def _class_row(run: Run, row: ClassAccuracy, stages: list[str]) -> ClassRow:
    accuracy: list[float | None] = [row.accuracy[stage] for stage in stages if stage in row.accuracy]
    return ClassRow(_name(run, row.label), row.n, accuracy, row.change)


def _changed(row: ClassRow) -> float:
    return -abs((row.accuracy[-1] or 0) - (row.accuracy[0] or 0))


def _ends(change: Change) -> tuple[float, float]:
    return change.low or 0.0, change.high or 0.0


def _cases(run: Run, told: Differences, model: Verdict, folder: Path) -> list[tuple[str, int, list[Case]]]:
    """Group the examples to look at: the group's title, how many there are of its kind, and the examples shown."""
    from edgekit.reporting import pictures

    if told.pictures is None:
        return []
    groups: dict[str, list[Case]] = {}
    for shown, picture in zip(told.pictures.shown, pictures.read(folder, told.pictures), strict=False):
        answers = [(_name(run, a.said), a.confidence, a.said == shown.label) for a in (shown.teacher, shown.model)]
        case = Case(_name(run, shown.label), shown.example, picture, (answers[0], answers[1]))
        groups.setdefault(shown.kind, []).append(case)
    counts = told.counts.model_dump()
    return [(_KINDS[kind].format(model.label), counts[kind], cases) for kind, cases in groups.items() if kind in _KINDS]


def _maps(run: Run, pictures: Pictures | None) -> str:
    """Say how the maps were made, of which network, and of which there is none."""
    if pictures is None or not isinstance(run.differences, Differences):
        return ""
    said = []
    for who, stage in (("teacher", run.differences.teacher), ("model", run.differences.model)):
        made = pictures.maps.get(who)
        if made is None:
            said.append(
                f"No map could be made of the {_label(run, stage)} network: it has no convolution that can be read."
            )
            continue
        whose = f"the {_label(run, made.stage)} network"
        if made.stage != stage:
            whose += f", which the {_label(run, stage)} model was made from"
        said.append(f"Maps of {whose}: {_METHODS.get(made.method, made.method)} at its layer {made.layer}.")
    return " ".join(said)
