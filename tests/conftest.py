"""What every test gets: a home of its own, so that no test sees another's caches, or the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Networks this small are slowed by a second thread, and a busy machine slows two threads more than twice.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "edgekit-home"
    monkeypatch.setenv("EDGEKIT_HOME", str(home))
    monkeypatch.delenv("EDGEKIT_DATA", raising=False)  # data of a test lies there too
    return home


NET = '''
"""A network small enough for a test."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.head = nn.Linear(2 * width, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        return self.head(torch.relu(self.second(x)).mean((2, 3)))


def build(width=8):
    return Net(width)
'''

# Budgets that no timing decides: what is kept is then the same on every machine.
RECIPE = """
name: tiny
task: image-classification
data: {source: shapes.npz, validation_fraction: 0.2, augment: {shift: 1}}
teacher: {model: net.py, args: {width: 16}, train: {epochs: 2, batch: 32, learning_rate: 0.05}}
student:
  model: net.py
  args: {width: 8}
  budget: {max_drop_points: null, min_speedup: 0}
export: {input: "image: uint8[N,6,6,1]"}
measure: {seconds: 0.05}
stages:
  distill: {epochs: 3, batch: 32, learning_rate: 0.05, teacher_views: 2}
  prune: {ratio: 0.5, epochs: 2, batch: 32, teacher_views: 2, learning_rate: 0.02}
  quantize: {calibration_samples: 32}
budget: {max_drop_points: null, min_speedup: 0}
quick: {stages.distill.epochs: 1}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Write a whole recipe with its own data and model file: a run of it takes a few seconds; return the recipe."""
    import numpy as np

    folder = tmp_path / "tiny"
    folder.mkdir()
    draw = np.random.default_rng(0)
    targets = np.arange(240) % 3
    images = draw.integers(0, 90, (240, 6, 6), dtype=np.uint8)
    for label in range(3):
        images[targets == label, 2 * label : 2 * label + 2] += 60
    np.savez(folder / "shapes.npz", x=images, y=targets)
    (folder / "net.py").write_text(NET)
    (folder / "tiny.yaml").write_text(RECIPE)
    return folder / "tiny.yaml"


class Edgekit:
    """The command line on the tiny recipe: its exit codes, and what it printed last."""

    def __init__(self, recipe: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.recipe, self.runs, self.capsys = recipe, runs, capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str, verb: str = "distill") -> int:
        from edgekit import cli

        code = cli.run([verb, str(self.recipe), "--runs", str(self.runs), *arguments])
        self.out, self.err = self.capsys.readouterr()
        return code

    @property
    def error(self) -> str:
        """What stands on stderr from the error on, which must be its end."""
        assert "Traceback" not in self.err
        before, mark, said = self.err.partition("error: ")
        assert mark, self.err
        assert not before or before.endswith("\n")
        return said


@pytest.fixture
def edgekit(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Edgekit:
    return Edgekit(tiny, tmp_path / "runs", capsys)
