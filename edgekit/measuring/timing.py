"""Models timed side by side, single-stream: one request after the other. The only way edgekit times a session."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from edgekit.latency.samples import Samples
from edgekit.latency.sampling import interleave


class Runs(Protocol):
    """What can be timed: a Session, or anything that runs on feeds as one does."""

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Run once."""
        ...


def time_models(
    sessions: Mapping[str, Runs],
    feeds: Mapping[str, Mapping[str, Any]],
    *,
    seconds: float = 2.0,
    min_samples: int = 64,
    seed: int = 0,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, Samples]:
    """Time every session on its own feeds, both by the model's name, all interleaved for `seconds` together."""
    calls = {name: functools.partial(session.run, feeds[name]) for name, session in sessions.items()}
    return interleave(calls, seconds=seconds, min_samples=min_samples, seed=seed, clock=clock)
