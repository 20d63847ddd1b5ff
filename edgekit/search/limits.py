"""The limits that a recipe's targets set to a search, and by how much figures break them. No torch.

Time, speed-up and bytes are properties of a network, and a trial that breaks them is infeasible. The metric of a short
training says little of a long one's: it draws the sampler on, and rules nothing out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgekit import console
from edgekit.metric import Metric
from edgekit.recipe.schema import Prune, Quantize, Recipe

Limits = Mapping[str, float | None]
_HARD = ("p50_ms", "speedup", "bytes")
_MARGIN = 1.25  # an untrained network is timed shortly
_INT8 = 4.0  # times smaller, at most


def read(recipe: Recipe, metric: Metric) -> dict[str, float | None]:
    """Return the limits of the recipe's targets, the metric in the unit it is shown in."""
    targets = recipe.targets
    wanted = targets.metric if targets.metric is not None else targets.accuracy
    found: dict[str, float | None] = {"metric": None if wanted is None else wanted * (100 if metric.share else 1)}
    return found | {name: getattr(targets, name) for name in _HARD}


def excess(limits: Limits, figures: Mapping[str, Any], sign: int = 1) -> dict[str, float]:
    """Return for each limit the part of it by which `figures` break it; 0 or less where they keep it.

    `sign` says whether more of the metric is better. A figure that is not known breaks nothing.
    """
    more_is_better = {"metric": sign > 0, "speedup": True}
    found = {}
    for name, limit in limits.items():
        figure = figures.get(name)
        if limit is not None and figure is not None:
            over = (figure - limit) / (abs(limit) or 1.0)
            found[name] = -over if more_is_better.get(name) else over
    return found


def broken(limits: Limits, figures: Mapping[str, Any]) -> str | None:
    """Say which limits of the network itself `figures` break; None where they keep all."""
    over = excess({name: limits.get(name) for name in _HARD}, figures)
    told = [f"{_said(name, figures[name])} where {_said(name, limits[name])} is asked for" for name in over]
    return "; ".join(text for text, name in zip(told, over, strict=True) if over[name] > 0) or None


def hoped(recipe: Recipe, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the best that could come of an untrained student's figures, if pruning and 8 bits gave all they can."""
    best = _MARGIN
    for stage in recipe.stages.values():
        if isinstance(stage, Prune):
            best /= 0.1 if stage.by_time else (1 - stage.ratio) ** 2
        elif isinstance(stage, Quantize):
            best *= _INT8
    better = {"p50_ms": 1 / best, "bytes": 1 / best, "speedup": best}
    return {name: figures[name] and figures[name] * factor for name, factor in better.items()}


def _said(name: str, figure: Any) -> str:
    if name == "bytes":
        return console.size(figure)
    return f"{figure:.3g} ms" if name == "p50_ms" else f"{figure:.3g} times the teacher's speed"
