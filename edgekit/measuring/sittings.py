"""Which cells of a sweep are timed together, and how often: all in one sitting, as long as they fit in memory.

Numbers and names alone. What does not fit is dealt out anew for every visit, each part with the first cell in it, so
that any two meet by and by and all are compared with the first.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_VISIT = 5.0  # seconds that a visit to all cells takes at least, where there is more time
_EACH = 1.0  # seconds that a visit gives to each cell, where there is more time
_SHARE = 0.5  # the part of the free memory that one copy of each cell may take together


class Sitting(NamedTuple):
    """Cells that are timed side by side, for so many seconds."""

    members: list[str]
    seconds: float


def plan(sizes: Mapping[str, int], seconds: float, free: int | None, seed: int = 0) -> list[Sitting]:
    """Share out `seconds` to sittings of the cells in `sizes`, name -> bytes that one live copy takes.

    `free`: bytes that are free, None where unknown: then all sit together.
    """
    visits = max(1, int(seconds / max(_VISIT, _EACH * len(sizes))))
    draw = random.Random(seed)
    found: list[Sitting] = []
    for _ in range(visits):
        parts = _dealt(list(sizes), sizes, None if free is None else _SHARE * free, draw)
        found += [Sitting(part, seconds / visits * len(part) / sum(map(len, parts))) for part in parts]
    return found


def _dealt(names: Sequence[str], sizes: Mapping[str, int], room: float | None, draw: random.Random) -> list[list[str]]:
    """Deal the cells out to parts that fit, the first cell to each."""
    if room is None or sum(sizes.values()) <= room:
        return [list(names)]
    first, *rest = names
    parts: list[list[str]] = []
    left = 0.0
    for name in draw.sample(rest, len(rest)):
        if not parts or sizes[name] > left:
            parts.append([first])
            left = room - sizes[first]
        parts[-1].append(name)
        left -= sizes[name]
    return parts or [[first]]
