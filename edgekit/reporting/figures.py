"""Figures with their doubt, as run.json writes them. pydantic alone."""

from __future__ import annotations

from pydantic import BaseModel


class Estimate(BaseModel):
    """A figure with its 95 % interval and number of examples; without both where a split has one score.

    `groups`: of how many recordings or subjects the examples are, where the interval is over those.
    """

    value: float
    low: float | None
    high: float | None
    n: int | None
    groups: int | None = None


class ClassScore(Estimate):
    """A figure of one class."""

    label: str


class Scores(Estimate):
    """The same, and perhaps the score of every class in the order of the labels; of two, F1 of the last as well."""

    per_class: list[float | None] | None = None
    f1: ClassScore | None = None


class Layer(BaseModel):
    """Microseconds of a layer before and after a compression, the graph's nodes it had, and whether it became 8-bit.

    `layer`: None for all that is no layer.
    """

    layer: str | None
    nodes: list[str]
    before_us: float | None
    after_us: float | None
    int8: bool


class Ratio(BaseModel):
    """How many times as fast, with its 95 % interval; above 1 is faster."""

    ratio: float
    low: float
    high: float


class Change(BaseModel):
    """Points of the metric won or lost against another model, paired by example; on the test split unless told."""

    points: float
    low: float | None
    high: float | None
    n: int | None
    groups: int | None = None
    split: str = "test"


class ClassChange(Change):
    """The change of one class."""

    label: str
