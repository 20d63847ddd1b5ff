"""Post-training quantization under a budget: every way is timed, the fast ones scored, and layers go back to float.

    the ways that fit -> timed beside the float model -> the faster ones scored -> over the budget?
        -> layers in float, the most sensitive first -> scored -> timed

What loses more than is allowed, or is not clearly faster, is not taken: then nothing is. Imports onnx, no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from edgekit import statistics
from edgekit.compression import ways
from edgekit.compression.ways import Workshop
from edgekit.graph import storage
from edgekit.graph.schemes import SCHEMES
from edgekit.latency import comparison
from edgekit.latency.copies import Opener
from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave
from edgekit.latency.settling import Call
from edgekit.measuring.spinning import rest_after
from edgekit.runtime.session import Session, open_session

_LAYERS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # so many at a time are left in float
_TIE = 0.03  # ways that differ by less in speed are told apart by what they answer
_SENSED = 4  # batches of the calibration that the sensitivity is found with

Score = Callable[[Session], np.ndarray]
Tell = Callable[[str], None]
Timer = Callable[[Mapping[str, Path]], Mapping[str, Samples]]


@dataclass(frozen=True)
class Asked:
    """What a twin may lose and must gain, and where it is timed.

    `max_drop_points`: None is no limit. `min_speedup`: it must be clearly more than so many times as fast; 0 lets all
    pass. `min_shrink`: what is so many times smaller, and not clearly slower, pays as well. `ways`: those to try; None
    tries all that fit, float16 where size counts or `device` is no CPU. `must_pay`: False for another processor than
    this one, where what is faster here says nothing. `most_float`: how many layers may go back to float; None leaves it
    open.
    """

    max_drop_points: float | None = 0.5
    min_speedup: float = 1.0
    min_shrink: float | None = None
    ways: tuple[str, ...] | None = None
    device: str = "cpu"
    threads: int = 1
    seconds: float = 10.0
    must_pay: bool = True
    most_float: int | None = None


@dataclass
class Attempt:
    """One twin: how it was made, how fast it is over the float model, and what it scored once it was worth scoring.

    `floats`: the layers that were left in float. `change`: points against the float model, as
    `statistics.paired_change` gives them. `divergence`: of its answers from the float model's. `saturation`: by how
    much the fused kernels answer otherwise than the graph as it is written.
    """

    way: str
    floats: tuple[str, ...]
    file: Path
    bytes: int
    speed: dict[str, float] = field(default_factory=dict)
    p50_us: float = 0.0
    change: dict[str, Any] = field(default_factory=dict)
    divergence: float | None = None
    saturation: float | None = None

    @property
    def drop(self) -> float:
        """The points lost; below 0 where some were gained, and infinite while nothing was scored."""
        return -float(self.change["points"]) if self.change else float("inf")

    def to_dict(self) -> dict[str, Any]:
        """Give the attempt as JSON-ready values."""
        return {key: value for key, value in vars(self).items() if key != "file"} | {"floats": list(self.floats)}


@dataclass
class Outcome:
    """What came of it: `chosen` is None where no attempt keeps the budget, and `nearest` then came nearest to it."""

    attempts: list[Attempt]
    chosen: Attempt | None
    nearest: Attempt
    reason: str
    sensitivity: dict[str, float]
    float_us: float
    raw: dict[str, Samples]


def in_float(layers: Collection[str]) -> str:
    """Say how many layers are left in float, behind a comma; nothing where none is."""
    return f", {len(layers)} layer{'s' * (len(layers) > 1)} in float" if layers else ""


def search(workshop: Workshop, score: Score, timer: Timer, asked: Asked, folder: Path, tell: Tell) -> Outcome:
    """Find the fastest twin within what is asked, writing each attempt into `folder`.

    `score` gives a number for each held-out example, the more the better. `timer` times files side by side, by name.
    """
    return _Search(workshop, score, timer, asked, folder, tell).run()


def side_by_side(request: Mapping[str, Any], asked: Asked) -> Timer:
    """Make the timer of real sessions on the feeds `request`: interleaved, with several live copies of each."""

    def call(file: Path) -> Call:
        return partial(open_session(file, device=asked.device, threads=asked.threads).run, request)

    def times(named: Mapping[str, Path]) -> Mapping[str, Samples]:
        openers = {name: Opener(partial(call, file)) for name, file in named.items()}
        return interleave(openers, seconds=asked.seconds, rest=rest_after(asked.threads))

    return times


class _Search:
    def __init__(self, workshop: Workshop, score: Score, timer: Timer, asked: Asked, folder: Path, tell: Tell) -> None:
        self.workshop, self.score, self.timer, self.asked = workshop, score, timer, asked
        self.folder, self.tell = folder, tell
        self.source = workshop.original.source
        self.baseline = score(self._open(self.source))
        self.attempts: list[Attempt] = []
        self.order: dict[str, float] = {}
        self.float_us = 0.0
        self.raw: dict[str, Samples] = {}

    def run(self) -> Outcome:
        half = bool(self.asked.min_shrink) or not self.asked.device.startswith("cpu")
        for way in self.workshop.ways(self.asked.ways, half):
            self.tell(f"{way}: {ways.stated(way)}")
            self.attempts.append(self._saved(way, (), self.workshop.rough(way)))
        self._time(self.attempts)
        fast = [each for each in self.attempts if self._pays(each)]
        if not fast:
            smaller = ", or small enough and not slower" if self.asked.min_shrink else ""
            asked = self.asked.min_speedup
            faster = "faster" if asked == 1 else f"more than {asked:g} times as fast"
            return self._undone(f"no way to quantize it is clearly {faster} here{smaller}")
        for each in fast:
            self._score(each, self.workshop.make(each.way))
        if kept := self._best([each for each in fast if self._holds(each)]):
            return self._outcome(kept, "")
        base = self._best(fast)
        assert base is not None
        tried = self._back_to_float(base)
        self._time([*tried, base])
        if kept := self._best([each for each in tried if self._holds(each) and self._pays(each)]):
            return self._outcome(kept, "")
        return self._undone("nothing that is clearly faster keeps the budget")

    def _saved(self, way: str, floats: Sequence[str], model: onnx.ModelProto) -> Attempt:
        file = self.folder / f"{way}-{len(floats)}.onnx"
        storage.save(model, file)
        return Attempt(way, tuple(floats), file, file.stat().st_size)

    def _score(self, attempt: Attempt, model: onnx.ModelProto) -> None:
        """Score an attempt as it is at its best, and put that in its place."""
        storage.save(model, attempt.file)
        attempt.change = statistics.paired_change(self.score(self._open(attempt.file)), self.baseline)
        attempt.divergence = self.workshop.divergence(model)
        if attempt.way in SCHEMES:
            attempt.saturation = ways.saturation(model, self.workshop.samples[:1])
        left = in_float(attempt.floats)
        self.tell(f"{attempt.way}{left}: {attempt.change['points']:+.2f} points".replace("-", "−"))

    def _back_to_float(self, base: Attempt) -> list[Attempt]:
        """Leave ever more layers of `base` in float, the most sensitive first, until the budget holds."""
        self.tell("sensitivity: every layer alone in 8 bits")
        self.order = self.workshop.sensitivity(base.way, _SENSED)
        most = len(self.order) - 1 if self.asked.most_float is None else self.asked.most_float
        tried = []
        for count in [count for count in _LAYERS if count <= most]:
            floats = list(self.order)[:count]
            model = self.workshop.make(base.way, floats)
            tried.append(self._saved(base.way, floats, model))
            self._score(tried[-1], model)
            if self._holds(tried[-1]):
                break
        self.attempts += tried
        return tried

    def _time(self, attempts: Sequence[Attempt]) -> None:
        """Time `attempts` beside the float model."""
        self.tell(f"timing {len(attempts)} beside the float model")
        taken = self.timer({"float": self.source} | {each.file.stem: each.file for each in attempts})
        self.raw |= taken
        self.float_us = taken["float"].p50
        for each in attempts:
            each.speed = comparison.speedup(taken[each.file.stem], taken["float"])
            each.p50_us = taken[each.file.stem].p50

    def _open(self, file: Path) -> Session:
        return open_session(file, device=self.asked.device, threads=self.asked.threads)

    def _holds(self, attempt: Attempt) -> bool:
        return self.asked.max_drop_points is None or attempt.drop <= self.asked.max_drop_points

    def _pays(self, attempt: Attempt) -> bool:
        if not self.asked.must_pay or not self.asked.min_speedup:
            return True
        verdict, shrunk = comparison.verdict(attempt.speed), self.source.stat().st_size / attempt.bytes
        if self.asked.min_shrink and shrunk >= self.asked.min_shrink and verdict != "slower":
            return True
        return verdict == "faster" and attempt.speed["low"] > self.asked.min_speedup

    def _best(self, attempts: Sequence[Attempt]) -> Attempt | None:
        """Return the fastest; of those that are about as fast the one that answers most like the float model."""
        if not attempts:
            return None
        fastest = max(each.speed["ratio"] for each in attempts)
        alike = [each for each in attempts if each.speed["ratio"] >= fastest * (1 - _TIE)]
        return min(alike, key=lambda each: each.divergence or 0.0)

    def _undone(self, reason: str) -> Outcome:
        fast = [each for each in self.attempts if each.speed and self._pays(each)]
        slower = max(self.attempts, key=lambda each: each.speed["ratio"])
        nearest = min(fast, key=lambda each: each.drop) if fast else slower
        if not nearest.change:
            self._score(nearest, self.workshop.make(nearest.way))
        return self._outcome(None, reason, nearest)

    def _outcome(self, chosen: Attempt | None, reason: str, nearest: Attempt | None = None) -> Outcome:
        best = chosen or nearest
        assert best is not None
        return Outcome(self.attempts, chosen, best, reason, self.order, self.float_us, self.raw)
