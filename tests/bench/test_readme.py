"""The files the README shows for one's own model are a recipe that runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from edgekit.cli import run

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the files that the README shows, and the data they speak of."""
    from sklearn.datasets import load_digits

    for text in re.findall(r"^```(?:py|yaml)\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S):
        (tmp_path / text.split()[1]).write_text(text)
    digits = load_digits()
    np.savez(tmp_path / "pictures.npz", x=(digits.images * (255 / 16)).astype(np.uint8)[..., None], y=digits.target)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readmes_own_recipe_is_valid_and_runs(folder: Path):
    assert run(["check", "mine.yaml"]) == 0
    short = ["teacher.train.epochs=1", "stages.distill.epochs=1", "stages.prune.epochs=1", "measure.seconds=0.1"]
    assert run(["distill", "mine.yaml", *short, "student.baseline=false", "targets={}"]) == 0
    assert list(folder.glob("runs/mine/*/bundle/model.onnx"))
