"""Holding examples out, by seed and evenly over the classes. Imports numpy and the random words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.data.examples import Examples
from edgekit.data.randomness import permutation
from edgekit.errors import DataError


def hold_out(examples: Examples, fraction: float, seed: int, purpose: str) -> tuple[Examples, Examples]:
    """Split into (rest, held out): n * fraction examples, rounded, and so of every class, within one. Order is kept.

    Each `purpose` ("test", "validation") draws its own random order from the seed.
    """
    held = _chosen(examples.targets, fraction, seed, purpose)
    if held.all() or not held.any():
        raise DataError(
            f'"{examples.where}": {len(held)} examples are too few to hold out {fraction:g} of them for {purpose}',
            f"add examples, or change data.{purpose}_fraction",
        )
    return _take(examples, ~held), _take(examples, held)


def _chosen(targets: NDArray[np.int64], fraction: float, seed: int, purpose: str) -> NDArray[np.bool_]:
    shuffled = permutation(len(targets), seed, purpose)
    by_class = shuffled[np.argsort(targets[shuffled], kind="stable")]
    # Every 1/fraction-th of the examples laid out class after class: the total is exact and every class gets its share.
    steps = np.floor(np.arange(len(targets) + 1) * fraction + 0.5)
    chosen = np.zeros(len(targets), dtype=np.bool_)
    chosen[by_class[np.diff(steps) > 0]] = True
    return chosen


def _take(examples: Examples, chosen: NDArray[np.bool_]) -> Examples:
    return Examples(examples.inputs[chosen], examples.targets[chosen], examples.where)
