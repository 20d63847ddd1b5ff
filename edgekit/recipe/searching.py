"""What a recipe may say of a search: what varies, how trials are shortened, when the hopeless end. pydantic."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from edgekit.recipe.part import Part, Positive

NETWORK = "student"  # searched as a whole: one of several networks


def changes(key: str, value: Any) -> dict[str, Any]:
    """Return what drawing `value` sets, by key: of a network its file, arguments and weights, and what else it says."""
    if key != NETWORK:
        return {key: value}
    return {f"{key}.{name}": said for name, said in {"args": {}, "start": None, **value}.items()}


class Range(Part):
    """Numbers between two ends, which belong to it; whole ones where the recipe's own value is one."""

    low: int | float
    high: int | float
    log: bool = Field(False, description="draw evenly by ratio instead of by difference: for what spans magnitudes")
    step: Positive | None = Field(None, description="of whole numbers: low, low + step, and on")


class Search(Part):
    """What `edgekit search` explores."""

    space: Annotated[dict[str, list[Any] | Range], Field(min_length=1)] = Field(
        description="by key of the recipe, such as student.args.width: a list of choices, or a range of low and high;"
        " student is a list of networks, each with its model and args;"
        " a stage by its id, as stages.prune, is in or out by [true, false]"
    )
    short: dict[str, Any] = Field({}, description='overrides of every trial, such as "stages.distill.epochs: 5"')
    rungs: list[Positive] = Field(
        [], description="epochs of the student after which it is held against others that came as far, and may end"
    )
    points: Positive = Field(3, description="how many points of the front are chosen, each with recipe and bundle")
