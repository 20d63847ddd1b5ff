"""The recipe of a chosen point: whole, of full length, and good wherever it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekit.recipe.loading import load, resolve_model
from edgekit.search import points

ROW = {
    "number": 3, "metric": 91.25, "metric_low": 90.0, "metric_high": 92.0, "speedup": 4.0, "p50_ms": 0.125,
    "bytes": 81234, "kept": "quantize", "run": "trials/ab",
    "overrides": {"student.args.width": 12, "stages.prune": False, "stages.distill.learning_rate": 1e-05},
}  # fmt: skip
POINT = {"name": "fastest", "trial": 3, "why": "the fastest"}
RECORD = {
    "id": "search-0",
    "metric": {"name": "accuracy", "unit": "%", "sign": 1},
    "trials": [ROW],
    "chosen": [POINT],
}


def test_a_points_recipe_is_the_recipe_with_what_was_drawn_at_its_full_length(plan: Any, tmp_path: Path) -> None:
    given = plan("seed=3")
    (tmp_path / "far").mkdir()
    path = tmp_path / "far" / "point.yaml"
    path.write_text(points.recipe(given, RECORD, POINT, ROW))
    loaded = load(path)
    base = load(given.loaded.path, ["seed=3", "student.args.width=12", "stages.prune=false"]).recipe
    assert loaded.recipe.stages["distill"].epochs == 3 and loaded.recipe.stages["distill"].learning_rate == 1e-05
    assert loaded.recipe.name == "tiny-fastest" and loaded.recipe.seed == 3 and loaded.recipe.search is None
    assert loaded.recipe.teacher and base.teacher
    assert loaded.recipe.teacher.train == base.teacher.train and loaded.recipe.stages.keys() == base.stages.keys()
    assert loaded.recipe.quick == {"stages.distill.epochs": 1}
    assert loaded.recipe.budget.max_drop_points is None, "nothing was undone for its accuracy in the trial either"
    assert resolve_model(loaded, loaded.recipe.student.model) == given.loaded.folder.resolve() / "net.py"
    assert Path(loaded.recipe.data.source) == given.loaded.folder.resolve() / "shapes.npz"


def test_it_opens_with_how_to_make_it_and_what_was_measured(plan: Any) -> None:
    lines = points.recipe(plan(), RECORD, POINT, ROW).splitlines()
    assert lines[0].startswith("# edgekit distill ") and lines[0].endswith("points/fastest.yaml    at its full length")
    said = " ".join(lines[1:4])
    for words in ("the fastest", "trial 3 of search-0", "91.2 % [90.0, 92.0]", "4.0 times", "0.125 ms", "81,234 bytes"):
        assert words in said


def test_keys_of_a_stage_that_is_left_out_are_gone_also_from_quick(plan: Any) -> None:
    given = plan()
    given.loaded.path.write_text(given.loaded.path.read_text().replace("quick: {", "quick: {stages.prune.epochs: 1, "))
    assert "stages.prune" not in points.recipe(given, RECORD, POINT, ROW)


def test_bundles_are_copied_and_what_is_no_longer_chosen_goes(plan: Any) -> None:
    given = plan()
    bundle = given.folder / "trials" / "ab" / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "model.onnx").write_bytes(b"graph")
    (told,) = points.write(given, RECORD)
    assert told == POINT | {"recipe": "points/fastest.yaml", "bundle": "points/fastest"}
    assert (given.folder / "points" / "fastest" / "model.onnx").read_bytes() == b"graph"
    other = POINT | {"name": "balanced"}
    elsewhere = ROW | {"run": None}  # on another machine
    (told,) = points.write(given, RECORD | {"trials": [elsewhere], "chosen": [other]})
    assert told["bundle"] is None
    assert [path.name for path in (given.folder / "points").iterdir()] == ["balanced.yaml"]


def test_a_folder_named_as_a_data_set_is_not_taken_for_it(plan: Any) -> None:
    given = plan("data.source=digits")
    (given.loaded.folder / "digits").mkdir()
    assert "source: digits\n" in points.recipe(given, RECORD, POINT, ROW)
