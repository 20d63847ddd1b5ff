"""edgekit search: from a recipe's ranges to chosen points, and what is refused before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import edgekit as package
from edgekit.recipe.loading import load

# Budgets of the tiny recipe keep every step, so that nothing here hangs on a timing.
SEARCH = """
search:
  space: {stages.distill.learning_rate: [0.02, 0.05], stages.distill.epochs: {low: 1, high: 2}}
  short: {stages.distill.batch: 64}
"""


@pytest.fixture
def searched(tiny: Path) -> Path:
    tiny.write_text(tiny.read_text().replace("  prune: {", "  # prune: {").replace("  quantize: {", "  # quantize: {"))
    tiny.write_text(tiny.read_text() + SEARCH)
    return tiny


def test_a_search_ends_in_points_with_recipes_and_bundles_and_goes_on(edgekit: Any, searched: Path) -> None:
    assert edgekit("--trials", "2", "--json", verb="search") == 0, edgekit.err
    record = json.loads(edgekit.out.splitlines()[-1])
    (folder,) = (edgekit.runs / "tiny").glob("search-*")
    assert json.loads((folder / "search.json").read_text()) == record
    assert record["status"] == "finished" and record["storage"] == "journal" and record["trials_asked"] == 2
    own, other = record["trials"]
    assert own["own"] and own["overrides"] == {"stages.distill.learning_rate": 0.05, "stages.distill.epochs": 3}
    assert {own["state"], other["state"]} == {"complete"} and own["kept"] == "distill"
    assert own["p50_ms"] == pytest.approx(record["teacher"]["p50_ms"] / own["speedup"])
    assert set(record["front"]) <= {0, 1} and record["chosen"]
    assert "trial 0: complete (the recipe's own), " in edgekit.err and "(2 of 2)" in edgekit.err
    for point in record["chosen"]:
        assert package.load(folder / point["bundle"]).manifest.name == "tiny"
        assert load(folder / point["recipe"]).recipe.name == f"tiny-{point['name']}"
    assert edgekit("--trials", "2", verb="search") == 0
    assert "trial " not in edgekit.err and "going on after 2 of 2 trials" in edgekit.err


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(edgekit: Any, searched: Path) -> None:
    assert edgekit("--trials", "7", "--jobs", "999", "--dry-run", "--json", verb="search") == 0
    said = json.loads(edgekit.out.splitlines()[-1])
    assert said["trials"] == 7 and said["space"] == ["stages.distill.learning_rate", "stages.distill.epochs"]
    assert "note: 999 workers share" in edgekit.err
    assert not edgekit.runs.exists()


def test_a_recipe_without_ranges_is_refused_with_an_example(edgekit: Any) -> None:
    assert edgekit(verb="search") == 1
    assert "has no section search" in edgekit.error and "student.args.width: [8, 16, 24]" in edgekit.error


def test_an_end_that_makes_no_model_is_named_before_anything_is_trained(edgekit: Any, searched: Path) -> None:
    searched.write_text(
        searched.read_text().replace("stages.distill.learning_rate: [0.02, 0.05]", "student.args.width: [8, -1]")
    )
    assert edgekit(verb="search") == 1
    assert "search.space: student.args.width = -1 makes no model: " in edgekit.error
    assert not edgekit.runs.exists()
