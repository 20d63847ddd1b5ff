"""Holding examples out: by seed and evenly over the classes, by content, or by group. Imports numpy."""

from __future__ import annotations

import hashlib
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgekit.data.drawing import Held
from edgekit.data.examples import Examples
from edgekit.data.randomness import permutation
from edgekit.data.rows import known, sharded, stretches
from edgekit.errors import DataError

if TYPE_CHECKING:
    from edgekit.recipe.data import Group, SplitRule


def hold_out(
    examples: Examples, fraction: float, seed: int, purpose: str, rule: SplitRule | None = None
) -> tuple[Examples, Examples]:
    """Split into (rest, held out) by `rule`, by the seed where there is none. Order is kept.

    Each `purpose` ("test", "validation") draws its own random order from the seed. By seed, n * fraction examples are
    held out, rounded, and so of every class, within one; by content or by group about so many. Of shards by seed the
    count is as exact, of a class it is about its part, and within 1,024 rows the order is another.
    """
    by = rule.by if rule else "seed"
    if by == "seed" and sharded(examples.inputs):
        left, held_out = (Held(len(examples.inputs), fraction, seed, purpose, out) for out in (False, True))
        _some(len(held_out), len(left), examples, fraction, purpose)
        return examples.take(left), examples.take(held_out)
    if by == "group":
        assert rule
        held = _by_group(examples, fraction, seed, purpose, rule.test if purpose == "test" else rule.validation)
    elif by == "hash":
        held = _by_content(examples, fraction, purpose)
    else:
        held = _by_seed(examples.targets, fraction, seed, purpose)
    out = int(np.count_nonzero(held))
    _some(out, len(held) - out, examples, fraction, purpose)
    return examples.take(~held), examples.take(held)


def _some(out: int, left: int, examples: Examples, fraction: float, purpose: str) -> None:
    if not out or not left:
        raise DataError(
            f'"{examples.where}": {out + left} examples are too few to hold out {fraction:g} of them for {purpose}',
            f"add examples, or change data.{purpose}_fraction",
        )


def apart(train: Examples, validation: Examples, test: Examples) -> None:
    """Raise DataError where a group has examples in two splits: files of their own may bring that about."""
    parts = {"training": train, "validation": validation, "test": test}
    for (one, first), (other, second) in combinations(parts.items(), 2):
        if first.groups is None or second.groups is None:
            continue
        both = np.intersect1d(known(first.groups).astype(str), known(second.groups).astype(str))
        if len(both):
            raise DataError(
                f'group "{both[0]}" is on both sides: {one} "{first.where}" and {other} "{second.where}"',
                "keep all examples of a group in one split",
            )


def _by_seed(targets: NDArray[Any], fraction: float, seed: int, purpose: str) -> NDArray[np.bool_]:
    chosen = permutation(len(targets), seed, purpose)
    if targets.ndim == 1 and targets.dtype.kind in "iu":
        chosen = chosen[np.argsort(targets[chosen], kind="stable")]
    # Every 1/fraction-th of the examples laid out class after class: the total is exact and every class gets its share.
    steps = np.floor(np.arange(len(targets) + 1) * fraction + 0.5)
    held = np.zeros(len(targets), dtype=np.bool_)
    held[chosen[np.diff(steps) > 0]] = True
    return held


def _by_content(examples: Examples, fraction: float, purpose: str) -> NDArray[np.bool_]:
    """Hold out whatever hashes below `fraction`: equal examples share their side, whatever else comes or goes."""
    limit = int(fraction * (1 << 64))
    each = (example for part in stretches(examples.inputs) for example in part)
    return np.fromiter((_hash(example, purpose) < limit for example in each), np.bool_, len(examples.inputs))


def _hash(example: Any, purpose: str) -> int:
    content = example.tobytes() if isinstance(example, np.ndarray) else repr(example).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(purpose.encode() + b"\0" + content).digest()[:8], "big")


def _by_group(
    examples: Examples, fraction: float, seed: int, purpose: str, wanted: list[Group] | None
) -> NDArray[np.bool_]:
    if examples.groups is None:
        raise DataError(
            f'"{examples.where}" says of no example which group it is of',
            "name the column under data.columns.group, or leave data.split.by out",
        )
    groups = examples.groups
    every = known(groups)
    if wanted is None:
        drawn = permutation(len(every), seed, purpose)
        order = every[drawn]
        counts = [np.bincount(np.searchsorted(every, part), minlength=len(every)) for part in stretches(groups)]
        sizes = np.sum(counts, axis=0)[drawn]
        chosen = order[: int(np.argmin(np.abs(np.cumsum(sizes) - fraction * sizes.sum()))) + 1]
    else:
        absent = [group for group in wanted if str(group) not in set(every.astype(str))]
        if absent:
            shown = ", ".join(map(str, every[:12])) + (", ..." if len(every) > 12 else "")
            raise DataError(
                f'"{examples.where}" has no group "{absent[0]}" to hold out for {purpose}', f"it has {shown}"
            )
        chosen = every[np.isin(every.astype(str), [str(group) for group in wanted])]
    return np.concatenate([np.isin(part, chosen) for part in stretches(groups)])
