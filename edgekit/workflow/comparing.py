"""What the small model lost against its teacher, told once a run has its model: figures for run.json, and pictures.

All of it comes from the answers that the judge noted, on the test examples. Only the maps ask the networks again, about
the few images that are shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from edgekit import files, statistics
from edgekit.judging import Judged
from edgekit.measuring import differences
from edgekit.measuring.differences import Answers
from edgekit.stages.job import Job
from edgekit.workflow import activation

PICTURES = "differences.npz"
_LONGEST = 112  # pixels of a picture's longer side, at most


class Compared(NamedTuple):
    """A judged model, the network it is or was made from, and the stage that network is of."""

    judged: Judged
    network: nn.Module | None
    stage: str


def compare(job: Job, folder: Path, teacher: Compared, model: Compared, alone: Judged | None) -> dict[str, Any]:
    """Compare `model` with its teacher, and with the student alone where there is one; write the pictures to `folder`.

    Returns what stands in run.json, or {"missing": why} where the answers do not tell.
    """
    judged = {each.verdict["stage"]: each for each in (teacher.judged, model.judged, alone) if each}
    answers = {stage: told for stage, each in judged.items() if (told := _answers(job, each))}
    names = [teacher.judged.verdict["stage"], model.judged.verdict["stage"]]
    if job.classes is None or not set(names) <= set(answers):
        return {"missing": "the metric is not the part of the examples whose class is named rightly"}
    targets, (theirs, ours) = job.classes, (answers[name] for name in names)
    groups = (job.groups or {}).get("test")
    return {
        "teacher": names[0],
        "model": names[1],
        "total": statistics.paired_change(model.judged.scores["test"], teacher.judged.scores["test"], groups),
        "counts": differences.counts(targets, theirs, ours),
        "classes": differences.by_class(targets, answers, names[0], names[1], groups),
        "pairs": differences.pairs(targets, theirs, ours),
        "calibration": {
            name: statistics.calibration(answers[name].confidence.astype(float), judged[name].scores["test"])
            for name in names
        },
        "pictures": _pictures(job, folder, (theirs, ours), (teacher, model)),
    }


def _answers(job: Job, judged: Judged) -> Answers | None:
    """Return a model's answers to the test examples; None where they are unknown or are not what was scored."""
    scores, said = judged.scores["test"], judged.scores.get("class")
    if said is None or job.classes is None or said.shape != job.classes.shape:
        return None
    return Answers(said, judged.scores["confidence"]) if np.array_equal(scores, said == job.classes) else None


def _pictures(
    job: Job, folder: Path, answers: tuple[Answers, Answers], models: tuple[Compared, Compared]
) -> dict[str, Any] | None:
    """Write the images to be looked at and their maps, and say whose they are; None where the inputs are no images."""
    if not job.pictures or job.classes is None:
        return None
    chosen = differences.chosen(job.classes, *answers)
    places = [place for _, place in chosen]
    images = job.pictures(places)
    arrays, made = {"images": smaller(images)}, {}
    for who, told, model in zip(("teacher", "model"), answers, models, strict=True):
        if places and model.network is not None:
            found = activation.maps(model.network, job.deployment, images, told.classes[places])
            if found:
                arrays[who] = found.values
                made[who] = {"method": found.method, "layer": found.layer, "stage": model.stage}
    with files.atomic(folder / PICTURES) as temporary:
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    shown = [
        {"kind": kind, "example": place, "label": int(job.classes[place])}
        | {
            who: {"said": int(told.classes[place]), "confidence": float(told.confidence[place])}
            for who, told in zip(("teacher", "model"), answers, strict=True)
        }
        for kind, place in chosen
    ]
    return {"file": PICTURES, "shown": shown, "maps": made}


def smaller(images: np.ndarray) -> np.ndarray:
    """Leave out rows and columns of images (n, h, w, c) until the longer side has 112 at most."""
    step = -(-max(images.shape[1:3]) // _LONGEST)
    return images[:, ::step, ::step]
