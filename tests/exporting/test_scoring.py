from __future__ import annotations

import numpy as np
import pytest

from edgekit.errors import DataError
from edgekit.exporting.scoring import labelled
from edgekit.signature import Tensor

NAMES = np.array([0, 1, 2, 2])
LOGITS = np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]


@pytest.mark.parametrize(
    ("outputs", "answers", "targets", "metric", "scores"),
    [
        (["y: float32[N,3]"], {"y": LOGITS}, NAMES, "accuracy", [1, 1, 1, 0]),
        (["class: int64[N]"], {"class": np.array([0, 1, 1, 2])}, NAMES, "accuracy", [1, 1, 0, 1]),
        (
            ["top_probabilities: float32[N,2]", "top_classes: int64[N,2]"],
            {"top_probabilities": LOGITS[:, :2], "top_classes": np.array([[0, 1], [2, 1], [2, 0], [2, 0]])},
            NAMES, "accuracy", [1, 0, 1, 1],
        ),
        (
            ["probabilities: float32[N,3]", "decisions: bool[N,3]"],
            {"probabilities": LOGITS, "decisions": LOGITS > 0.5},
            np.array([[1, 0, 0], [0, 0, 0], [0, 0, 1], [1, 1, 1]]), "label accuracy", [1, 2 / 3, 1, 1 / 3],
        ),
        (["y: float32[N,1]"], {"y": np.ones((4, 1), np.float32)}, np.array([1.0, 2, 3, 4]),
         "mean absolute error", [0, 1, 2, 3]),
        (["y: float32[N,T,3]"], {"y": LOGITS[None].repeat(4, 0)}, np.tile(NAMES, (4, 1)), "accuracy", [0.75] * 4),
    ],
    ids=["logits", "argmax", "top", "threshold", "numbers", "a class for each step"],
)  # fmt: skip
def test_the_metric_fits_what_is_answered(outputs, answers, targets, metric, scores):
    found = labelled(targets, [Tensor.parse(line) for line in outputs], 4)
    assert found.metric == metric
    np.testing.assert_allclose(found.score(answers, targets), scores)


@pytest.mark.parametrize(
    ("targets", "output", "said"),
    [
        (NAMES, "y: float32[N,3]", "4 labels y for 5 examples"),
        (
            np.zeros((5, 7)),
            "y: float32[N,3]",
            r"the labels y are float64\[5,7\], and the first output y: float32\[N,3\]",
        ),
        (np.array(["a"] * 5), "y: float32[N,3]", "there is no metric"),
    ],
    ids=["too few", "another shape", "texts"],
)
def test_labels_that_fit_nothing_are_refused(targets, output, said):
    with pytest.raises(DataError, match=said):
        labelled(targets, [Tensor.parse(output)], 5)
