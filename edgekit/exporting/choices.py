"""Classes and decisions are the same or they are not, unless another was as good: the scores tell. numpy alone.

A head that answers the number of a class, or a decision, chose it by scores that another machine adds up in another
order. Two classes whose scores lie within the tolerance of each other, and a score within it of the threshold, may be
chosen either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from edgekit.exporting.agreement import Tolerance, near, tolerance
from edgekit.exporting.telling import SCORES


class Chosen(NamedTuple):
    """What an output was chosen by: `scores` (..., C), and the `threshold` where each is decided by itself."""

    scores: np.ndarray
    threshold: float | None = None


class Answers(dict[str, np.ndarray]):
    """What a model answers, by output name; `chosen`: what those outputs were chosen by that hold classes."""

    chosen: Mapping[str, Chosen]

    def __init__(self, answers: Mapping[str, np.ndarray], chosen: Mapping[str, Chosen] | None = None) -> None:
        super().__init__(answers)
        self.chosen = chosen or {}


def chosen_by(expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray]) -> dict[str, Chosen]:
    """Return what the classes among the answers were chosen by: as told, or by the top probabilities beside them."""
    found: dict[str, Chosen] = {}
    if SCORES in expected:
        found[next(iter(expected))] = Chosen(expected[SCORES])
    classes, scores = expected.get("top_classes"), expected.get("top_probabilities")
    if classes is not None and scores is not None and classes.shape == scores.shape and classes.size:
        count = int(max(classes.max(), actual["top_classes"].max())) + 1
        whole = np.repeat(scores[..., -1:], count, -1)  # what is not told is no more than the last
        np.put_along_axis(whole, classes, scores, -1)
        found["top_classes"] = Chosen(whole)
    for answers in (actual, expected):
        found |= answers.chosen if isinstance(answers, Answers) else {}
    return found


def settled(
    actual: np.ndarray, expected: np.ndarray, chosen: Chosen, allowed: Tolerance | None = None
) -> tuple[np.ndarray, int]:
    """Return `actual` with what was expected wherever that was as good, and how many places these are."""
    scores, limit = chosen.scores, allowed or tolerance(chosen.scores, chosen.scores)
    differ = actual != expected
    if chosen.threshold is not None:
        alike = near(scores, np.full_like(scores, chosen.threshold), limit)
    else:
        single = expected.ndim < scores.ndim
        ours, theirs = (np.expand_dims(each, -1) if single else each for each in (actual, expected))
        known = (ours >= 0) & (ours < scores.shape[-1])
        got, wanted = (np.take_along_axis(scores, np.where(known, each, 0), -1) for each in (ours, theirs))
        alike = near(got, wanted, limit) & known
        alike = alike[..., 0] if single else alike
    return np.where(alike, expected, actual), int((differ & alike).sum())
