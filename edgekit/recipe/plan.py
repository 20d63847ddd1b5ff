"""What a recipe will do, what it needs, and about how long that takes: told before hours are spent. No torch.

An estimate is never computed from sizes: it is what a run took that was made, here by the same recipe, else where the
recipe's author measured it. Where there is neither, there is no estimate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from edgekit import files
from edgekit.recipe.networks import Network, Train
from edgekit.recipe.schema import Distill, Prune, Quantize, Recipe, Student

# Packages that any run needs, those of a kind of stage, and those of a data set.
_ALWAYS = ("torch", "onnx", "onnxscript", "onnxruntime", "safetensors", "matplotlib", "jinja2")
_OF_KIND = {"prune": ("torch_pruning",), "quantize": ("sympy",)}
_OF_SOURCE = {"digits": ("sklearn",)}


class Step(NamedTuple):
    """One step of a run; `epochs` is None where nothing is trained."""

    id: str
    kind: str
    epochs: int | None
    what: str


class Estimate(NamedTuple):
    """About how long a run takes and how much disk it fills, and what that is told from."""

    seconds: float
    bytes: float
    basis: str


def steps(recipe: Recipe) -> list[Step]:
    """Return what a run does, in order: the teacher, the student on its own, and the recipe's stages."""
    found: list[Step] = []
    if recipe.teacher:
        weights = recipe.teacher.weights
        what = _network(recipe.teacher) + (f", weights {weights.file}" if weights else "")
        what += "".join(f", and {_network(also)}" for also in recipe.teacher.also)
        trained = weights or recipe.teacher.onnx
        found.append(Step("teacher", "teacher", None if trained else recipe.teacher.train.epochs, what))
    if recipe.baseline or not recipe.teacher:
        found.append(Step("student", "student", student_training(recipe).epochs, _network(recipe.student)))
    for name, stage in recipe.stages.items():
        kind = stage.kind or name
        if isinstance(stage, Quantize):
            epochs = stage.train.epochs if stage.method == "training" else None
            found.append(Step(name, kind, epochs, _quantized(stage)))
        else:
            what = _removed(stage) if isinstance(stage, Prune) else _network(recipe.student)
            found.append(Step(name, kind, stage.epochs, what))
    return found


def _quantized(stage: Quantize) -> str:
    if stage.method == "training":
        return "trained in 8 bits"
    what = f"{stage.method}, calibrated on {stage.calibration_samples} training examples"
    epochs = stage.train.epochs
    return what + (f"; outside the budget, {epochs} epochs in 8 bits" if stage.method == "auto" else "")


def _removed(stage: Prune) -> str:
    if stage.target_speedup:
        what = f"channels removed until {stage.target_speedup:g} times as fast"
    elif stage.target_p50_ms:
        what = f"channels removed until {stage.target_p50_ms:g} ms"
    else:
        what = f"{stage.ratio:.0%} of the channels removed"
    return what + (f" in {stage.steps} steps, each then recovered" if stage.steps > 1 else ", then recovered")


def student_training(recipe: Recipe) -> Train:
    """Return how the student is trained without its teacher: as it says, else as it is distilled."""
    if recipe.student.train:
        return recipe.student.train
    like = next((stage for stage in recipe.stages.values() if isinstance(stage, Distill)), None)
    return Train(**like.model_dump(include=set(Train.model_fields))) if like else Train()


def _network(network: Network | Student) -> str:
    file = network.file if isinstance(network, Network) else network.model
    return " ".join([file, *(f"{name}={value}" for name, value in network.args.items())])


def needs(recipe: Recipe) -> list[str]:
    """Return the modules a run imports, all of them optional packages."""
    found = [*_ALWAYS, *_OF_SOURCE.get(recipe.data.source, ())]
    if recipe.data.text:
        found.append("tokenizers")
    if recipe.data.source.startswith("hf:"):
        found.append("datasets")
    for step in steps(recipe):
        found += _OF_KIND.get(step.kind, ())
    if any(isinstance(stage, Quantize) and stage.may_train for stage in recipe.stages.values()):
        found.append("torchao")
    return list(dict.fromkeys(found))


def estimate(recipe: Recipe, runs: Path, changed: bool = False) -> Estimate | None:
    """Estimate from the latest finished run in `runs`, stage by stage and in proportion to the epochs, else from what
    the recipe expects; None where neither serves. `changed` says that overrides took the recipe from its expectation.
    """
    finished = [run for path in runs.glob("*/run.json") if (run := files.read_json(path)) and _is_finished(run)]
    for run in sorted(finished, key=lambda run: str(run["finished"]), reverse=True):
        seconds = _seconds(recipe, run)
        if seconds is not None:
            folder = runs / str(run["id"])
            room = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            return Estimate(seconds, room, f"as run {run['id']} took in this folder, in proportion to the epochs")
    if recipe.expect:
        basis = f"measured on {recipe.expect.machine}" + (", without your changes" if changed else "")
        return Estimate(recipe.expect.seconds, recipe.expect.megabytes * 1e6, basis)
    return None


def _is_finished(run: Any) -> bool:
    return (
        isinstance(run, dict) and run.get("status") == "finished" and {"id", "finished", "stages", "recipe"} <= set(run)
    )


def _seconds(recipe: Recipe, run: dict[str, Any]) -> float | None:
    try:
        before = {step.id: step.epochs for step in steps(Recipe.model_validate(run["recipe"]))}
        took = {str(stage["id"]): float(stage["seconds"]) for stage in run["stages"]}
    except (ValidationError, KeyError, TypeError, ValueError):  # of another version of edgekit
        return None
    total = 0.0
    for step in steps(recipe):
        if step.id not in took or step.id not in before:
            return None
        then = before[step.id]
        total += took[step.id] * (step.epochs / then if step.epochs is not None and then else 1.0)
    return total
