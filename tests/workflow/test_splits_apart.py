"""No test example is trained on, calibrated on or judged on: told by the pixels that a recipe's job hands out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.recipe.loading import load
from edgekit.recipe.networks import Train
from edgekit.workflow import preparing

PLAIN = ["data.augment={}", "data.normalize={mean: [0], std: [1]}"]


def prints(rows: np.ndarray) -> set[bytes]:
    """Return what tells each row (n, 6, 6, 1) of uint8 pixels from all others."""
    return {np.ascontiguousarray(row, np.uint8).tobytes() for row in rows}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_example_serves_two_ends(tiny: Path, seed: int) -> None:
    job = preparing.prepare(load(tiny, [*PLAIN, f"seed={seed}"]))
    asked: list[np.ndarray] = []

    def predict(inputs: np.ndarray) -> np.ndarray:
        asked.append(inputs)
        return np.zeros((len(inputs), 3), np.float32)

    scores = job.score(predict)
    rows = np.concatenate(asked)
    assert list(scores) == ["validation", "test"], "they are asked about in this order"
    judged, tested = prints(rows[: len(scores["validation"])]), prints(rows[len(scores["validation"]) :])
    calibrated = prints(np.concatenate([feeds["image"] for feeds in job.calibration(10_000)]))
    trained: set[bytes] = set()
    for epoch in range(2):
        for batch in job.source(Train(batch=16), 0).epoch(epoch):
            trained |= prints(np.rint(batch.inputs.numpy() * 255).transpose(0, 2, 3, 1))
    assert len(judged) + len(tested) + len(calibrated) == 240, "every example has pixels of its own, and a place"
    assert trained <= calibrated and len(trained) >= len(calibrated) - 32, "the last few fill no batch"
    assert not calibrated & judged and not calibrated & tested and not judged & tested
    assert prints(job.inputs) <= tested, "what is timed and proved may be test examples: nothing is chosen by it"
