"""What a quantized model is scored by: its labels, or how often it answers as the float model does. numpy; no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.compression.post_training import Score
from edgekit.graph.calibration import Sample
from edgekit.runtime.session import Session

ACCURACY, AGREEMENT, LIKENESS = "accuracy", "agreement", "likeness"


def metric(float_model: Session, samples: Sequence[Sample], labels: np.ndarray | None) -> tuple[str, Score]:
    """Return the metric's name and the score of every example, 0 to 1.

    With `labels` (n,) it is accuracy: whether the first output's largest place is the label. Without, "agreement":
    whether it is that of the float model, where the first output is (n, classes); else "likeness": 1 less the relative
    error of the first output, and at least 0.
    """
    expected = _answers(float_model, samples)
    classes = expected.ndim == 2 and expected.shape[1] > 1
    if labels is not None or classes:
        wanted = labels if labels is not None else expected.argmax(axis=1)

        def right(session: Session) -> np.ndarray:
            return np.asarray(_answers(session, samples).argmax(axis=1) == wanted, np.float64)

        return (AGREEMENT if labels is None else ACCURACY), right
    flat = expected.reshape(len(expected), -1).astype(np.float64)
    size = np.maximum(np.linalg.norm(flat, axis=1), 1e-12)

    def alike(session: Session) -> np.ndarray:
        off = np.linalg.norm(_answers(session, samples).reshape(flat.shape) - flat, axis=1)
        return np.asarray(np.clip(1 - off / size, 0, 1))

    return LIKENESS, alike


def _answers(session: Session, samples: Sequence[Sample]) -> np.ndarray:
    name = session.outputs[0].name
    return np.concatenate([np.asarray(session.run(dict(sample))[name]) for sample in samples])
