"""What every part of a recipe is: strict, unchangeable, and without unknown keys. pydantic; no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0)]
AboveZero = Annotated[float, Field(gt=0)]


class Part(BaseModel):
    """A part of a recipe: unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
