"""A vector that stands for an example, to be compared with others: taught without labels, by a teacher's vectors."""

from __future__ import annotations

import numpy as np

from edgekit.errors import DataError
from edgekit.tasks.spec import Task


def agreement(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return for each pair of rows (2i, 2i + 1) how alike student and teacher rank it; float64 (n // 2,).

    Of every pair the cosine similarity is taken, of `outputs` (n, D) and of `targets` (n, any width); a pair's score is
    the product of the two ranks, each of mean 0 and deviation 1 over all pairs, so that the mean is Spearman's
    correlation. Equal similarities share their mean rank; where all are equal nothing agrees, and the scores are 0.
    """
    ranks = [_standardised(_ranks(_cosines(each))) for each in (outputs, targets)]
    return np.asarray(ranks[0] * ranks[1])


def _cosines(vectors: np.ndarray) -> np.ndarray:
    pairs = vectors[: len(vectors) // 2 * 2].astype(np.float64)
    pairs /= np.maximum(np.linalg.norm(pairs, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return np.asarray((pairs[0::2] * pairs[1::2]).sum(axis=1))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place])


def _standardised(ranks: np.ndarray) -> np.ndarray:
    centred = ranks - ranks.mean()
    return np.asarray(centred / (centred.std() or 1.0))


def check(targets: np.ndarray, labels: int) -> None:
    """Raise DataError where there are not two pairs to compare."""
    if len(targets) < 4:
        raise DataError(f"{len(targets)} examples are no two pairs to compare", "give more of them")


EMBEDDING = Task("embedding", None, "vectors", "vector", "spearman", ("vector",), agreement, check, unit="", whole=True)
