"""Where two classifiers part: counts, classes, the mistakes one makes more often, and examples worth a look.

numpy alone. Everything is decided by the answers, and ties by the order of the examples: the same answers give the
same tables and the same pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from edgekit import statistics

_PAIRS = 8
_SHOWN = {"lost": 6, "won": 3, "apart": 3}  # examples of each kind to look at


class Answers(NamedTuple):
    """What a model said of n examples: int classes (n,), and the probabilities (n,) it gave them."""

    classes: np.ndarray
    confidence: np.ndarray


def counts(targets: np.ndarray, teacher: Answers, model: Answers) -> dict[str, int]:
    """Count the examples by who is right; `apart`: both are wrong, each in its own way. They add up to all."""
    ours, theirs = model.classes == targets, teacher.classes == targets
    same = model.classes == teacher.classes
    kinds = {
        "both": ours & theirs,
        "lost": theirs & ~ours,
        "won": ours & ~theirs,
        "alike": ~ours & same,
        "apart": ~ours & ~theirs & ~same,
    }
    return {name: int(np.count_nonzero(where)) for name, where in kinds.items()}


def by_class(
    targets: np.ndarray, answers: Mapping[str, Answers], teacher: str, model: str, groups: np.ndarray | None = None
) -> list[dict[str, Any]]:
    """Give every class that has examples: how many, the part each of `answers` names rightly, the paired change.

    `groups`: as in `statistics.mean_estimate`.
    """
    rows = []
    for label in np.unique(targets):
        own = targets == label
        right = {who: (said.classes[own] == label).astype(float) for who, said in answers.items()}
        together = None if groups is None else groups[own]
        rows.append(
            {
                "label": int(label),
                "n": len(right[model]),
                "accuracy": {who: float(scores.mean()) for who, scores in right.items()},
                "change": statistics.paired_change(right[model], right[teacher], together),
            }
        )
    return rows


def pairs(targets: np.ndarray, teacher: Answers, model: Answers) -> list[dict[str, int]]:
    """List the confusions that `model` has more often than `teacher`, the greatest increase first: class, taken for."""

    def mistakes(said: np.ndarray) -> Counter[tuple[int, int]]:
        wrong = said != targets
        return Counter(zip(targets[wrong].tolist(), said[wrong].tolist(), strict=True))

    before, now = mistakes(teacher.classes), mistakes(model.classes)
    more = sorted((before[pair] - count, pair) for pair, count in now.items() if count > before[pair])
    return [
        {"label": pair[0], "said": pair[1], "teacher": before[pair], "model": now[pair]} for _, pair in more[:_PAIRS]
    ]


def chosen(targets: np.ndarray, teacher: Answers, model: Answers) -> list[tuple[str, int]]:
    """Choose examples worth a look, as (kind, index): where who is wrong is most sure of it.

    "lost": the teacher alone is right; "won": the model alone is; "apart": neither is, and they differ.
    """
    ours, theirs = model.classes == targets, teacher.classes == targets
    found: list[tuple[str, int]] = []
    for kind, where, sure in (
        ("lost", theirs & ~ours, model.confidence),
        ("won", ours & ~theirs, teacher.confidence),
        ("apart", ~ours & ~theirs & (model.classes != teacher.classes), model.confidence + teacher.confidence),
    ):
        places = np.flatnonzero(where)
        best = places[np.argsort(-sure[places], kind="stable")][: _SHOWN[kind]]
        found += [(kind, int(index)) for index in best]
    return found
