from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import EdgekitError, ModelError
from edgekit.recipe import finding
from edgekit.recipe.loading import load, resolve_model, resolved
from edgekit.recipe.schema import Prune, Quantize


def test_a_valid_recipe_is_loaded_with_its_defaults(tmp_path: Path, tiny: Any) -> None:
    loaded = load(tiny.write())
    recipe = loaded.recipe
    assert loaded.folder == tmp_path
    assert recipe.teacher and recipe.teacher.train.learning_rate == 0.01
    assert list(recipe.stages) == ["distill", "prune", "quantize"]
    assert isinstance(recipe.stages["prune"], Prune)
    assert recipe.stages["quantize"] == Quantize(kind="quantize")
    assert recipe.export.output is None and recipe.output == "probabilities"


def test_a_stage_may_have_another_id_than_its_kind(tiny: Any) -> None:
    text = tiny.text.replace("  quantize:", "  thinner: {kind: prune, ratio: 0.2}\n  int8: {kind: quantize}")
    stages = load(tiny.write(text), ["stages.thinner.ratio=0.1"]).recipe.stages
    assert [stage.kind for stage in stages.values()] == ["distill", "prune", "prune", "quantize"]
    assert stages["thinner"].model_dump()["ratio"] == 0.1


def test_what_is_resolved_is_a_recipe_again_and_forgets_how_it_was_said(tiny: Any) -> None:
    plain = load(tiny.write()).recipe
    again = load(tiny.write(tiny.text.replace("quick: {stages.distill.epochs: 1,", "quick: {"))).recipe
    assert resolved(plain) == resolved(again)
    values = resolved(plain)
    assert values["stages"]["distill"]["losses"]["soft-target"] == {
        "weight": 0.9, "final_weight": None, "temperature": 4.0
    }  # fmt: skip
    assert {"quick", "expect", "licence"}.isdisjoint(values)
    assert resolved(type(plain).model_validate(values)) == values


def test_a_model_file_beside_the_recipe_comes_before_a_shipped_one(tmp_path: Path, tiny: Any) -> None:
    loaded = load(tiny.write())
    assert resolve_model(loaded, "resnet.py") == finding.shipped("models") / "resnet.py"
    (tmp_path / "resnet.py").write_text("", encoding="utf-8")
    assert resolve_model(loaded, "resnet.py") == tmp_path / "resnet.py"
    with pytest.raises(ModelError, match=r"gone\.py"):
        resolve_model(loaded, "gone.py")


SHIPPED = finding.available()


def test_the_shipped_recipes_are_counted() -> None:
    assert len(SHIPPED) == len(list(finding.shipped("recipes").rglob("*.y*ml"))) >= 2


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_a_shipped_recipe_validates_and_opens_with_its_commands(path: Path, quick: bool) -> None:
    assert load(path.stem, quick=quick).recipe.name == path.stem
    comment = path.read_text(encoding="utf-8").partition("\nname:")[0]
    assert comment.startswith(f"# edgekit distill {path.stem}  ")
    assert "\n# outcome: " in comment


def test_a_recipe_is_read_without_torch_onnx_or_onnxruntime() -> None:
    code = "import sys; from edgekit.recipe.loading import load; load('digits'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "onnx", "onnxruntime", "sklearn"} & set(done.stdout.split())


@pytest.mark.parametrize("name", ["digits", "digits.yaml", "no/digits.yaml"])
def test_every_error_of_loading_is_the_users(
    name: str, tmp_path: Path, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny.write("name: [", "digits.yaml")
    if name == "digits":
        assert load(name).recipe.name == "digits"
    else:
        with pytest.raises(EdgekitError):
            load(name)
