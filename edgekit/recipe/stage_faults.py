"""What may be wrong with a recipe's stages: their ids, kinds and order, and what they learn from. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgekit.recipe import task_faults
from edgekit.recipe.document import Document
from edgekit.recipe.faults import Fault
from edgekit.recipe.losses import POOLED, Losses
from edgekit.recipe.schema import STAGES, Prune, Quantize

# Folders of a run that are not a stage's.
_RESERVED = ("teacher", "student", "bundle")
# The losses that compare the probabilities of classes.
_OF_CLASSES = ("dkd", "dist")


def stages(document: Document, folder: Path) -> Iterator[Fault]:
    """Yield the faults of the stages: their ids, kinds, order and losses."""
    found = document.get("stages")
    if not found and document.get("teacher") is not None:
        yield from _no_learner(document)
    if not isinstance(found, dict):
        return
    order = list(STAGES)
    before: str | None = None
    for stage, said in found.items():
        at = ("stages", stage)
        if stage in _RESERVED or not stage.replace("-", "").isalnum() or stage != stage.lower():
            wanted = (
                f"lower-case letters, digits and hyphens, and not {', '.join(_RESERVED)}: it names a folder of the run"
            )
            yield Fault(at, f'"{stage}" cannot be a stage\'s id', wanted)
        kind = kind_of(stage, said)
        if not isinstance(kind, str) or kind not in STAGES:
            continue
        if before == "quantize":
            yield Fault(at, f"{kind} cannot follow quantize, which leaves nothing to train", "quantize comes last")
        elif before and order.index(kind) < order.index(before):
            yield Fault(at, f"{kind} cannot follow {before}", f"the order is {', '.join(order)}")
        if kind == "distill" and document.get("teacher") is None:
            yield Fault(at, "distill needs a teacher, and the recipe has none", "add the section teacher")
        yield from _losses(document, said, at)
        if kind == "prune":
            yield from _pruning(said, at)
        if kind == "quantize":
            yield from _training_in_8_bits(document, said, at)
        before = kind


def _no_learner(document: Document) -> Iterator[Fault]:
    """Without stages the student is trained by itself, and is the model; unless it is not trained either."""
    if document.get("student", "baseline") is False or task_faults.of(document, "vector"):
        said = "no stage teaches the student, and it is not trained without its teacher"
        yield Fault(("stages",), said, "add stages: {distill: {}}")


def _pruning(said: Any, at: tuple[str, ...]) -> Iterator[Fault]:
    said = said if isinstance(said, dict) else {}
    amounts = [key for key in ("ratio", "target_speedup", "target_p50_ms") if said.get(key) is not None]
    if len(amounts) > 1:
        both = f"{amounts[0]} and {amounts[1]} both say how much is removed"
        yield Fault((*at, amounts[1]), both, f"leave {' or '.join(amounts)} out")
    steps, epochs = said.get("steps"), said.get("epochs", Prune().epochs)
    if isinstance(steps, int) and isinstance(epochs, int) and steps > 1 and epochs < steps:
        yield Fault((*at, "steps"), f"{steps} steps cannot recover in {epochs} epochs", "give each step an epoch")


def _training_in_8_bits(document: Document, said: Any, at: tuple[str, ...]) -> Iterator[Fault]:
    train = said.get("train") if isinstance(said, dict) else None
    if not isinstance(train, dict):
        return
    if said.get("method", Quantize().method) == "static":
        yield Fault((*at, "train"), "method static trains nothing", "say method: auto, or method: training")
    yield from _losses(document, train, (*at, "train"))
    losses = train.get("losses")
    for name in losses if isinstance(losses, dict) else ():
        if name in ("hint", "attention", "relational"):
            complaint = f"{name} compares layers, and what is trained in 8 bits is one captured graph"
            yield Fault((*at, "train", "losses", name), complaint, "leave it out: the answers can be compared")


def _losses(document: Document, said: Any, at: tuple[str, ...]) -> Iterator[Fault]:
    said = said.get("losses") if isinstance(said, dict) else None
    if not isinstance(said, dict):
        return
    if document.get("teacher") is None:
        yield Fault((*at, "losses"), "losses weigh a teacher against the labels, and the recipe has no teacher")
    try:
        losses = Losses.model_validate(said)
    except ValidationError:
        return
    if not losses.counting():
        yield Fault((*at, "losses"), "all weights are 0: there is nothing to learn from")
    for name, loss in losses.counting().items():
        mixed = [pair for pair in loss.compares.items() if POOLED in pair]
        if name in _OF_CLASSES and not task_faults.of(document, "class"):
            complaint = f"{name} compares the probabilities of classes, and the task has none"
            yield Fault((*at, "losses", name), complaint, "leave it out: soft-target is the task's own")
        if name in ("attention", "attention-map") and mixed:
            complaint = f'"{POOLED}" is a vector, and {name} compares maps'
            yield Fault((*at, "losses", name, "layers", mixed[0][0]), complaint, "name a layer that answers a map")


def kind_of(stage: str, said: Any) -> Any:
    """Return the kind a stage says it is of: its id, unless `kind` says otherwise."""
    kind = said.get("kind") if isinstance(said, dict) else None
    return stage if kind is None else kind
