"""What a run records of where its model and the teacher part."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit.judging import Judged
from edgekit.recipe.loading import load
from edgekit.workflow import comparing, preparing, running

X = np.random.default_rng(0).standard_normal((90, 4)).astype(np.float32)
Y = np.argmax(X[:, :3], axis=1)
FREE = {"max_drop_points": None, "min_speedup": 0}


def saved(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / comparing.PICTURES) as arrays:
        return dict(arrays)


def test_a_run_tells_what_its_model_lost_with_pictures(tiny: Path, tmp_path: Path) -> None:
    job = preparing.prepare(load(tiny))
    folder = tmp_path / "runs" / "tiny" / "id"
    told = running.run(job, folder)["differences"]
    assert (told["teacher"], told["model"]) == ("teacher", "quantize")
    n = job.data["test"]
    assert sum(told["counts"].values()) == sum(row["n"] for row in told["classes"]) == told["total"]["n"] == n
    for stage in ("teacher", "student", "quantize"):
        verdict = json.loads((folder / stage / "verdict.json").read_text())
        assert [row["accuracy"][stage] for row in told["classes"]] == verdict["test"]["per_class"]
    right = told["counts"]["both"] + told["counts"]["won"]
    assert right / n == pytest.approx(json.loads((folder / "quantize" / "verdict.json").read_text())["test"]["value"])
    assert set(told["calibration"]) == {"teacher", "quantize"}
    pictures = told["pictures"]
    assert pictures["shown"], "networks trained so briefly part somewhere"
    arrays = saved(folder)
    for at, shown in enumerate(pictures["shown"]):
        assert job.classes is not None
        assert job.classes[shown["example"]] == shown["label"]
        assert shown["teacher"]["said"] != shown["model"]["said"]
        assert job.pictures
        assert (arrays["images"][at] == job.pictures([shown["example"]])[0]).all()
    assert arrays["teacher"].shape == arrays["model"].shape == (len(pictures["shown"]), 3, 3)
    assert pictures["maps"]["teacher"] == {"method": "Grad-CAM", "layer": "second", "stage": "teacher"}
    assert pictures["maps"]["model"]["stage"] == "prune", "an 8-bit graph shows the network that it was made from"

    (folder / comparing.PICTURES).unlink()
    again = running.run(job, folder)["differences"]
    assert again == told
    assert all((values == arrays[name]).all() for name, values in saved(folder).items())


def test_large_pictures_are_kept_smaller() -> None:
    images = np.arange(300 * 200, dtype=np.uint32).astype(np.uint8).reshape(1, 300, 200, 1)
    assert comparing.smaller(images).shape == (1, 100, 67, 1)
    assert comparing.smaller(images[:, :28, :28]).shape == (1, 28, 28, 1)


def test_a_users_own_metric_tells_the_classes_by_being_asked(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.from_numpy(X[:60]), torch.from_numpy(Y[:60]))
    run = edgekit.distill(
        nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)), nn.Linear(4, 3),
        train=torch.utils.data.DataLoader(data, batch_size=20), stages={"distill": {"epochs": 1}}, baseline=False,
        evaluate=lambda predict: predict(X[60:]).argmax(1) == Y[60:], budget=FREE, student_budget=FREE,
        measure={"seconds": 0.05}, folder=tmp_path,
    )  # fmt: skip
    told = run.record["differences"]
    assert [row["n"] for row in told["classes"]] == np.bincount(Y[60:]).tolist()
    assert told["pictures"] is None
    assert 0 < told["calibration"]["distill"]["ece"] < 1
    assert "There are no pictures: the examples are no images." in run.report.read_text()


SAID = {"class": np.array([0, 1, 1, 2], np.int32), "confidence": np.full(4, 0.75, np.float32)}


@pytest.mark.parametrize(
    ("scores", "classes", "told"),
    [
        pytest.param({"test": np.array([1.0, 1, 0, 1]), **SAID}, [0, 1, 2, 2], True, id="a class for every score"),
        pytest.param({"test": np.array([1.0, 1, 0.5, 1]), **SAID}, [0, 1, 2, 2], False, id="no accuracy"),
        pytest.param({"test": np.array([1.0, 0, 1, 1]), **SAID}, [0, 1, 2, 2], False, id="in another order"),
        pytest.param({"test": np.array([1.0, 1, 0, 1])}, [0, 1, 2, 2], False, id="no answers kept"),
        pytest.param({"test": np.array(0.75)}, [0, 1, 2, 2], False, id="one number"),
        pytest.param({"test": np.array([1.0, 1, 0, 1]), **SAID}, None, False, id="classes unknown"),
    ],
)
def test_only_answers_that_explain_the_scores_are_compared(
    scores: dict[str, np.ndarray], classes: list[int] | None, told: bool, tiny: Path, tmp_path: Path
) -> None:
    targets = None if classes is None else np.array(classes)
    job = dataclasses.replace(preparing.prepare(load(tiny)), classes=targets, pictures=None)
    models = [
        comparing.Compared(Judged({"stage": stage}, tmp_path / "model.onnx", scores), None, stage)
        for stage in ("teacher", "prune")
    ]
    found = comparing.compare(job, tmp_path, models[0], models[1], None)
    assert ("missing" not in found) is told
    assert found.get("counts") == ({"both": 3, "lost": 0, "won": 0, "alike": 1, "apart": 0} if told else None)
