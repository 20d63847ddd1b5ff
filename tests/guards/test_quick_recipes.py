"""Every shipped recipe runs to its bundle with --quick; and what is known beforehand of the line comes out of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit import cli, files, tasks
from edgekit.data import loading
from edgekit.data.sources import movie_snippets
from edgekit.errors import DataError
from edgekit.recipe.loading import load

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))
DATA = files.data_home()  # asked before a test gets a home of its own
LONGEST = 240  # seconds, twice what --quick may take on a quiet machine

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def shared_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_DATA", str(DATA))


def pairs(folder: Path) -> list[str]:
    """Make MRPC's files of movie snippets, for not everyone can have its own; return the override that reads them."""
    source = movie_snippets.read().train
    texts = [text for text in source.inputs if 8 <= len(text.split()) <= 30]
    folder.mkdir()
    for name, rows in (("train", range(200)), ("test", range(200, 260))):
        lines = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
        for row in rows:
            words, others = texts[2 * row].split(), texts[2 * row + 1].split()
            same = row % 2  # the halves exchanged, or one of another text
            second = [*words[len(words) // 2 :], *(words if same else others)[: len(words) // 2]]
            lines.append(f"{same}\t{2 * row}\t{2 * row + 1}\t{' '.join(words)}\t{' '.join(second)}")
        written = "\ufeff" + "\r\n".join(lines) + "\r\n"
        (folder / f"msr_paraphrase_{name}.txt").write_bytes(written.encode())
    return [f"data.source={folder}"]


def finished(recipe: Path, runs: Path, *arguments: str) -> tuple[Path, dict[str, Any]]:
    """Run a recipe and return its folder and record; exit code 3 says that a short look misses the recipe's targets."""
    assert cli.run(["distill", str(recipe), "--runs", str(runs), *arguments]) in (0, 3)
    (folder,) = runs.glob("*/*")
    return folder, json.loads((folder / "run.json").read_text())


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_quick_run_ends_with_a_bundle(recipe: Path, tmp_path: Path):
    try:
        overrides = pairs(tmp_path / "pairs") if recipe.stem == "mrpc" else []
        said = load(recipe, overrides).recipe
        loading.load(said.data, recipe.parent, said.seed, tasks.get(said.task).targets)
    except DataError as error:
        if "make data" not in (error.hint or "") and "install" not in (error.hint or ""):
            raise  # it is here, and cannot be read
        pytest.skip(f"{error}: {error.hint}")
    folder, run = finished(recipe, tmp_path / "runs", "--quick", *overrides)
    assert run["status"] == "finished"
    assert run["seconds"] < LONGEST
    assert edgekit.load(folder / "bundle").name == recipe.stem


def test_gradient_descent_ends_at_the_least_squares_line(tmp_path: Path):
    recipe = ROOT / "recipes" / "linear.yaml"
    folder, run = finished(recipe, tmp_path / "runs")
    said = load(recipe).recipe
    points = loading.load(said.data, recipe.parent, said.seed, "number").train
    x, y = points.inputs[:, 0].astype(np.float64), points.targets.astype(np.float64)
    known = np.stack([x, np.ones_like(x)], axis=1)
    best = np.linalg.lstsq(known, y, rcond=None)[0]
    variance = np.square(y - known @ best).sum() / (len(x) - 2)
    errors = np.sqrt(np.diag(variance * np.linalg.inv(known.T @ known)))

    model = edgekit.load(folder / "bundle")
    intercept, end = model({"x": np.array([[0.0], [1.0]], dtype=np.float32)})["value"][:, 0]
    assert np.all(np.abs([end - intercept, intercept] - best) < 2 * errors)
    assert run["stages"][0]["verdict"]["parity"]["max_abs"] < 1e-6
