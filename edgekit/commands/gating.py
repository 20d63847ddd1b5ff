"""A gate for CI, as `bench` and `compare` take it: how much slower is too much."""

from __future__ import annotations

import re

from edgekit.errors import UsageError


def share(text: str) -> float:
    """Read `5%` or `5` as 0.05."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%?", text.strip())
    if not found:
        raise UsageError(f'the gate "{text}" is no share', "say how much longer is too long, in percent: --gate 5%")
    return float(found[1]) / 100
