"""A module from a stage of a run: its model file, built as the run's recipe says, with the weights the stage made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from edgekit import files, modelfile
from edgekit.compression import widths
from edgekit.errors import ModelError, UsageError
from edgekit.recipe import finding
from edgekit.sources.source import Asked, Source
from edgekit.workflow.candidates import GRAPH, RECORD, WEIGHTS
from edgekit.workflow.running import RUN


def is_stage(folder: Path) -> bool:
    """Whether `folder` is that of a run's stage."""
    return (folder / RECORD).is_file() and (folder.parent / RUN).is_file()


def from_stage(asked: Asked) -> Source:
    """Build the network of runs/NAME/ID/STAGE again; inputs, head, labels and normalisation are the recipe's.

    The recipe's model file is looked for in the current folder, in `recipes` and `models` there, and among the shipped.
    """
    folder = Path(asked.name)
    if asked.args or asked.weights:
        raise UsageError(f'"{folder}" has its arguments and weights', "leave --args and --weights out")
    record, run = files.read_sealed(folder / RECORD), files.read_json(folder.parent / RUN)
    if not record or not isinstance(run, dict):
        raise ModelError(f'"{folder}" is damaged: {RECORD} or {RUN} is not as it was written', "run the recipe again")
    if not (folder / WEIGHTS).is_file():
        raise ModelError(
            f'the stage "{folder.name}" made an ONNX graph, not a PyTorch network', f'it is "{folder / GRAPH}"'
        )
    if files.sha256(folder / WEIGHTS) != record["files"][WEIGHTS]:
        raise ModelError(f'"{folder / WEIGHTS}" is not as it was written', "run the recipe again")
    recipe = run["recipe"]
    made = next((stage for stage in run["stages"] if stage["id"] == folder.name), None)
    if "model" not in recipe.get("student", {}) or made is None:
        raise ModelError(f'the run of "{folder}" had no recipe that says how to build its networks', "use its bundle")
    settings = recipe["teacher" if made["kind"] == "teacher" else "student"]
    network = modelfile.build(_model_file(settings["model"]), settings["args"])
    widths.restore(network, record["widths"], load_file(folder / WEIGHTS))
    said = {"run": f"{run['name']}/{run['id']}", "stage": folder.name, "model": Path(settings["model"]).name}
    return Source(network.eval(), run["name"], said | {"args": settings["args"]}, _known(recipe, run["data"]))


def _known(recipe: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    normalize = recipe["data"]["normalize"] or {}
    return {
        "inputs": [recipe["export"]["input"]],
        "head": recipe["export"]["output"],
        "task": recipe["task"],
        "labels": data["labels"],
        "mean": normalize.get("mean", ()),
        "std": normalize.get("std", ()),
        "min_onnxruntime": recipe["export"]["min_onnxruntime"],
    }


def _model_file(name: str) -> Path:
    for place in (Path(), Path("recipes"), Path("models")):
        if found := finding.beside(place, name):
            return found
    raise ModelError(f'the run\'s model file "{name}" is not here', "stand in the folder of its recipe")
