"""What a caller may set, checked before it is used: a slip is a UsageError that names it. Imports errors alone."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from edgekit.errors import UsageError


def whole(name: str, value: Any, hint: str | None = None) -> int:
    """Return `value` as a positive whole number."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise UsageError(f"{name} is {shown(value)}, not a positive whole number", hint)
    return int(value)


def number(name: str, value: Any, least: float, most: float, unit: str) -> float:
    """Return `value` as a number from `least` to `most`, in `unit`."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not (real and least <= value <= most):
        raise UsageError(f"{name} is {shown(value)}, not a number of {unit} from {least:g} to {most:g}")
    return float(value)


def shown(value: Any) -> str:
    """Return a value as errors show it: a text in double quotes, so that it is not taken for a number."""
    return f'"{value}"' if isinstance(value, str) else repr(value)
