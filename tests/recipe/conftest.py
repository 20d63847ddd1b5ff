from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.errors import RecipeError
from edgekit.recipe.loading import load

TINY = """\
# edgekit distill tiny.yaml
name: tiny
task: image-classification
data:
  source: digits
  normalize: {mean: [0.3], std: [0.4]}
  labels: ["0", "1"]
teacher:
  model: resnet.py
  args: {depth: 8}
  train: {epochs: 2, learning_rate: 1e-2}
student: {model: resnet.py, args: {depth: 8, width: 8}}
export: {input: "image: uint8[N,8,8,1]"}
stages:
  distill: {epochs: 4}
  prune:
    ratio: 0.5
    epochs: 3
  quantize:
quick: {stages.distill.epochs: 1, stages.prune.epochs: 1}
"""


class Tiny:
    """A small valid recipe, to be changed and written to a folder of its own."""

    text = TINY

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, text: str = TINY, name: str = "tiny.yaml") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def refusal(self, path: Path, *overrides: str, quick: bool = False) -> RecipeError:
        with pytest.raises(RecipeError) as caught:
            load(path, overrides, quick)
        return caught.value

    def line(self, words: str) -> int:
        return next(number for number, line in enumerate(TINY.splitlines(), 1) if words in line)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)
