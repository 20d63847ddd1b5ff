"""Narrower until it is fast enough on the device: widths by prediction, and then what they really take.

Which channels are removed hardly matters to the time, and not at all how well the network answers: so a pruned copy is
exported and timed beside the incumbent before anything is trained.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from edgekit.compression import layer_latency, pruning, targets
from edgekit.compression.groups import Score
from edgekit.compression.layers import layers
from edgekit.exporting import ladder
from edgekit.exporting.deployment import Deployment
from edgekit.latency import comparison
from edgekit.latency.copies import Opener
from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave
from edgekit.measuring.spinning import rest_after
from edgekit.recipe.schema import Measure
from edgekit.runtime.session import open_session

_TRIES = 3  # of widths that are exported and timed
_NEAR = 1.02  # times what is allowed: as near as another try would come


@dataclass(frozen=True)
class Clock:
    """Times networks as a job deploys and measures them: `graph` is the incumbent's ONNX file.

    `inputs`: real examples (n >= 7) as an app passes them. `trial`: where a copy may be exported to. `quiet` gives what
    keeps the device quiet.
    """

    graph: Path
    deployment: Deployment
    inputs: np.ndarray
    measure: Measure
    trial: Path
    quiet: Callable[[], AbstractContextManager[Any]]

    def incumbent(self) -> Samples:
        """Time the incumbent alone."""
        return self._time({"incumbent": self.graph})["incumbent"]

    def speedup(self, network: nn.Module) -> float:
        """Export `network`, and return how many times faster than the incumbent it is."""
        taken = self.beside(network)
        return comparison.speedup(taken["trial"], taken["incumbent"])["ratio"]

    def beside(self, network: nn.Module) -> dict[str, Samples]:
        """Export `network`, and time it as "trial" beside the "incumbent"."""
        try:
            ladder.export(network, self.deployment, self.inputs, self.trial)
            return self._time({"incumbent": self.graph, "trial": self.trial})
        finally:
            self.trial.unlink(missing_ok=True)

    def _time(self, graphs: dict[str, Path]) -> dict[str, Samples]:
        batch = np.resize(self.inputs, (self.measure.batch, *self.inputs.shape[1:]))

        def opened(path: Path) -> Callable[[], object]:
            session = open_session(path, device=self.measure.device, threads=self.measure.threads)
            return partial(session.run, {session.inputs[0].name: batch})

        with self.quiet():
            return interleave(
                {name: Opener(partial(opened, path)) for name, path in graphs.items()},
                seconds=self.measure.seconds,
                rest=rest_after(self.measure.threads),
            )


class Narrowing:
    """Finds the widths at which the incumbent `network` meets a speed-up, or so many milliseconds in the median.

    `example`: a batch of one or more of the network's inputs. `scope`, `round_to`: as in a recipe.
    """

    def __init__(
        self,
        clock: Clock,
        network: nn.Module,
        example: torch.Tensor,
        *,
        speedup: float | None,
        p50_ms: float | None,
        scope: str,
        round_to: int | None,
        table: layer_latency.Table | None = None,
    ) -> None:
        self._clock, self._before = clock, network
        self._example = example[:1].expand(clock.measure.batch, *example.shape[1:]).contiguous()
        self._round_to = round_to
        self._until = targets.uniform_until if scope == "uniform" else targets.cheapest_until
        taken = clock.incumbent()
        median = float(taken.summary()["p50_us"])
        # Networks are compared by a burst's lowest decile, which others on the machine disturb least.
        self.us = float(np.median(taken.by_round().lows)) / 1e3
        self.asked = speedup or median / (1e3 * (p50_ms or 1.0))
        with clock.quiet():
            table = table or layer_latency.table(clock.measure.device, clock.measure.threads)
            self._predictor = layer_latency.Predictor(table, layers(network, self._example), self.us)

    def find(
        self, network: nn.Module, score: Callable[[nn.Module], Score], share: float = 1.0
    ) -> tuple[dict[str, int], dict[str, float]]:
        """Return the channels that each group of `network` keeps, and {"asked", "predicted", "measured"} speed-ups.

        `share`: the part of the way that this step goes, 1 the whole. `score` is asked of each pruned copy anew.
        """
        asked = self.asked**share
        predict = self._predictor.of(layers(network, self._example))
        aim = limit = self.us / asked
        for _ in range(_TRIES):
            told: list[float] = []

            def choose(groups: Any, aim: float = aim, told: list[float] = told) -> dict[str, int]:
                kept = self._until(aim, predict, self._round_to)(groups)
                told.append(predict(groups, kept))
                return kept

            with self._clock.quiet():
                trial = copy.deepcopy(network)
                kept = pruning.prune(trial, self._example, choose, score(trial), self._before)
            measured = self._clock.speedup(trial)
            if self.us / measured <= limit * _NEAR:
                break
            aim *= limit * measured / self.us
        return kept, {"asked": asked, "predicted": self.us / told[-1], "measured": measured}
