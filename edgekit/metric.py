"""How the figure that models are scored by is shown: its unit, and which way is better. One place for all tables.

Scores are kept so that more is better. What people read is `sign` times their mean, in the metric's own unit. Imports
nothing of edgekit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

MINUS = "−"


class Metric(NamedTuple):
    """A metric: what is shown is `sign` times the mean score, as percent where `unit` is "%", else with that unit."""

    name: str
    unit: str = "%"
    sign: int = 1

    @property
    def title(self) -> str:
        """Its name as people write it."""
        return {"r2": "R²"}.get(self.name, self.name)

    @property
    def share(self) -> bool:
        """Whether it is a part of 1, shown as percent."""
        return self.unit == "%"

    @property
    def less_is_better(self) -> bool:
        """Whether people want little of it."""
        return self.sign < 0

    def shown(self, score: float) -> float:
        """Turn a mean score into the figure people know, and back: 0.981 stays, -1.93 becomes 1.93."""
        return self.sign * score

    def value(self, score: float) -> str:
        """Write a mean score: 98.1 %, 1.930 bits, 0.998."""
        return self._with_unit(self._digits(self.shown(score)))

    def interval(self, low: float | None, high: float | None) -> str:
        """Write the interval of a mean score, lowest figure first; nothing where there is none: [96.0, 99.1]."""
        return _brackets(low, high, lambda score: self._digits(self.shown(score)), self.sign)

    def estimate(self, value: float, low: float | None, high: float | None) -> str:
        """Write a mean score with its doubt: 98.1 % [96.0, 99.1]."""
        return f"{self.value(value)} {self.interval(low, high)}".rstrip()

    def change(self, points: float) -> str:
        """Write 100 times a difference of mean scores: −0.2 points, +0.031 bits."""
        return f"{self._signed(points)} {'points' if self.share else self.unit}".rstrip()

    def change_interval(self, low: float | None, high: float | None) -> str:
        """Write the interval of a change: [−0.9, +0.5]."""
        return _brackets(low, high, self._signed, self.sign)

    def changed(self, points: float, low: float | None, high: float | None) -> str:
        """Write a change with its doubt: −0.2 points [−0.9, +0.5]."""
        return f"{self.change(points)} {self.change_interval(low, high)}".rstrip()

    def loss(self, points: float) -> str:
        """Write what may be lost: "0.5", or "0.005 bits" where points are not what people read."""
        return f"{points:g}" if self.share else f"{points / 100:g} {self.unit}".rstrip()

    def _signed(self, points: float) -> str:
        moved = self.sign * points
        text = f"{abs(moved):.1f}" if self.share else _plain(abs(moved) / 100)
        return text if not float(text.replace(",", "")) else ("+" if moved > 0 else MINUS) + text

    def _digits(self, figure: float) -> str:
        text = f"{100 * abs(figure):.1f}" if self.share else _plain(abs(figure))
        return MINUS + text if figure < 0 and float(text.replace(",", "")) else text

    def _with_unit(self, text: str) -> str:
        return f"{text} {self.unit}".rstrip()


def of(said: dict[str, Any]) -> Metric:
    """Return the metric of a verdict, or of a card's figures; those of older ones are shares."""
    return Metric(said.get("metric", ""), said.get("unit", "%"), said.get("sign", 1))


def _plain(figure: float) -> str:
    return f"{figure:.3f}" if figure < 99.95 else f"{figure:,.1f}"


def _brackets(low: float | None, high: float | None, write: Callable[[float], str], sign: int) -> str:
    if low is None or high is None:
        return ""
    ends = (low, high) if sign > 0 else (high, low)
    return f"[{', '.join(map(write, ends))}]"
