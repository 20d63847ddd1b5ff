"""How near two models answer: figures for each output, and whether they lie within the tolerance. numpy alone.

Two numbers a and e agree where |a - e| <= atol + rtol * |e|, where both are the same infinity, or where neither is a
number. What is allowed when nothing else is said:

    float64   1e-8 + 1e-6    float32 that came in between leaves no more
    float32   1e-4 + 1e-3    sums taken in another order
    float16   1e-2 + 1e-2    ten bits of mantissa: each rounding is up to 5e-4, and they add up
    others    0              integers, truth values and texts are the same or they are not
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np


class Tolerance(NamedTuple):
    """What two numbers may be apart: `atol`, and `rtol` of the one expected."""

    atol: float
    rtol: float


TOLERANCES = {
    "float64": Tolerance(1e-8, 1e-6), "float32": Tolerance(1e-4, 1e-3), "float16": Tolerance(1e-2, 1e-2)
}  # fmt: skip
EXACT = Tolerance(0.0, 0.0)


def tolerance(actual: np.ndarray, expected: np.ndarray) -> Tolerance:
    """Return what is allowed between two arrays: that of the coarser dtype."""
    return max(TOLERANCES.get(array.dtype.name, EXACT) for array in (actual, expected))


def near(actual: np.ndarray, expected: np.ndarray, allowed: Tolerance) -> np.ndarray:
    """Say for each place of two arrays of one shape whether they agree there."""
    same = _same(actual, expected)
    if same.all() or not all(array.dtype.kind in "fiub" for array in (actual, expected)):
        return same
    size = np.abs(expected.astype(np.float64))
    limit = np.where(np.isfinite(size), allowed.atol + allowed.rtol * np.where(np.isfinite(size), size, 0), 0)
    return same | (_apart(actual, expected) <= limit)


def outside(actual: np.ndarray, expected: np.ndarray, allowed: Tolerance) -> tuple[int, ...] | None:
    """Return the index where two arrays of one shape are furthest apart, if any place is beyond what is allowed."""
    wrong = np.asarray(~near(actual, expected, allowed))
    if not wrong.any():
        return None
    apart = wrong.astype(np.float64)
    if all(array.dtype.kind in "fiub" for array in (actual, expected)):
        apart = _apart(actual, expected)
        apart = np.where(np.isnan(apart), np.inf, apart)
    at = np.unravel_index(int(np.argmax(np.where(wrong, apart, -1.0))), wrong.shape)
    return tuple(int(i) for i in at)


@dataclass(frozen=True)
class Figures:
    """How near one output is, over all cases.

    `max_rel` is over the elements larger than `atol`; `cosine` and `argmax_agreement` (of the last axis) are None where
    they have no meaning: for texts, and for answers of a single number. `atol` and `rtol` are what was allowed.
    """

    dtype: str
    max_abs: float
    mean_abs: float
    max_rel: float
    cosine: float | None
    argmax_agreement: float | None
    atol: float
    rtol: float


def figures(actual: Sequence[np.ndarray], expected: Sequence[np.ndarray], allowed: Tolerance) -> Figures:
    """Measure one output over all cases; both have the same shapes."""
    rows: list[np.ndarray] = []
    flat: list[tuple[np.ndarray, np.ndarray]] = []
    texts = False
    for a, e in zip(actual, expected, strict=True):
        texts = texts or e.dtype.kind not in "fiub"
        if e.ndim and e.shape[-1] > 1 and e.dtype.kind == "f" and e.size:
            rows.append((a.argmax(-1) == e.argmax(-1)).ravel())
        flat.append(((~_same(a, e)).astype(np.float64).ravel(), np.zeros(e.size)) if texts else _numbers(a, e))
    ours, theirs = (np.concatenate(part) if part else np.zeros(0) for part in zip(*flat, strict=True))
    apart = np.abs(ours - theirs)
    apart[np.isnan(apart)] = np.inf
    large = np.abs(theirs) > allowed.atol
    norms = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    return Figures(
        dtype=expected[0].dtype.name,
        max_abs=float(apart.max(initial=0)),
        mean_abs=float(apart.mean()) if apart.size else 0.0,
        max_rel=float((apart[large] / np.abs(theirs[large])).max(initial=0)),
        cosine=None if texts or ours.size < 2 else float(np.dot(ours, theirs)) / norms if norms else 1.0,
        argmax_agreement=float(np.mean(np.concatenate(rows))) if rows else None,
        atol=allowed.atol,
        rtol=allowed.rtol,
    )


@dataclass(frozen=True)
class Parity:
    """How near two models answer, over all `cases` (the size of every dynamic dimension) and of each output.

    `metric`, where there were labels: {"name", "n", "expected", "actual"}. `ties`: how many classes and decisions were
    others, and as good (`choices.py`).
    """

    cases: tuple[dict[str, int], ...]
    batches: tuple[int, ...]
    outputs: dict[str, Figures]
    metric: dict[str, Any] | None = None
    ties: int = 0

    @property
    def max_abs(self) -> float:
        """The largest absolute error of all outputs."""
        return max(each.max_abs for each in self.outputs.values())

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as JSON-ready values: the worst of all outputs, then each output."""
        each = list(self.outputs.values())
        said: dict[str, Any] = {"batches": list(self.batches), "cases": list(self.cases), "max_abs": self.max_abs}
        said["mean_abs"] = max(one.mean_abs for one in each)
        for name in ("cosine", "argmax_agreement"):
            known = [value for one in each if (value := getattr(one, name)) is not None]
            said |= {name: min(known)} if known else {}
        said |= {"atol": max(one.atol for one in each), "rtol": max(one.rtol for one in each)}
        said["outputs"] = {name: asdict(one) for name, one in self.outputs.items()}
        return said | ({"metric": self.metric} if self.metric else {}) | ({"ties": self.ties} if self.ties else {})


class Answered(NamedTuple):
    """What two models answered to one case, by output name."""

    sizes: dict[str, int]
    actual: Mapping[str, np.ndarray]
    expected: Mapping[str, np.ndarray]


def parity(
    answered: Sequence[Answered], batch: str | None = None, allowed: Tolerance | None = None, **more: Any
) -> Parity:
    """Measure how near the answers are; `batch` is the name of the dimension that counts the examples."""
    outputs = {}
    for name in answered[0].expected:
        actual = [np.asarray(each.actual[name]) for each in answered]
        expected = [np.asarray(each.expected[name]) for each in answered]
        outputs[name] = figures(actual, expected, allowed or tolerance(actual[0], expected[0]))
    batches = tuple(dict.fromkeys(each.sizes[batch] for each in answered if batch in each.sizes)) if batch else ()
    return Parity(tuple(each.sizes for each in answered), batches, outputs, **more)


def number(value: Any) -> str:
    """Write one element of an array as a message shows it."""
    return f"{value:.6g}" if isinstance(value, np.floating) else str(value)


def _same(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    same = actual == expected
    if actual.dtype.kind == expected.dtype.kind == "f":
        same = same | (np.isnan(actual) & np.isnan(expected))
    return np.asarray(same)


def _apart(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        apart: np.ndarray = np.abs(np.asarray(actual, np.float64) - np.asarray(expected, np.float64))
    return apart


def _numbers(actual: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both flat, without the infinities and not-a-numbers that they share."""
    kept = ~(_same(actual, expected) & ~np.isfinite(expected.astype(np.float64)))
    return actual[kept].astype(np.float64), expected[kept].astype(np.float64)
