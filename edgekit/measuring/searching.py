"""The search for session settings that are faster than the default: what is tried, in which order, what is kept.

Knows nothing of sessions or clocks: whoever calls says how settings are timed. First every single change of the default
is tried, and the slower half dropped, twice; then what is left in all combinations; then the best of all against the
default, on copies that chose nothing. What is not clearly faster there is not kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from edgekit.latency import comparison
from edgekit.latency.samples import Samples
from edgekit.runtime.tuned import Tuned

DEFAULT = Tuned()
_SHARES = (0.25, 0.15, 0.2, 0.4)  # of the time: two halvings, the combinations, the confirmation
_ROUNDS = (2, 2, 2, 6)  # the fewest rounds of each
_LEFT = 3  # changes that are combined
_NOISE = 1.01  # of two settings nearer than this the simpler one is taken
# What has a meaning only where several threads run.
_OF_THREADS = ("session.intra_op.allow_spinning", "session.dynamic_block_base", "execution_mode")


class Trial(NamedTuple):
    """A setting against the default in one step of the search: {"ratio", "low", "high"} above 1 where it is faster."""

    step: str
    setting: Tuned
    speed: dict[str, float]


class Search(NamedTuple):
    """What came of it: the setting to keep, DEFAULT where none was clearly faster; all that was tried, in order."""

    kept: Tuned
    speed: dict[str, float] | None
    trials: list[Trial]


Measure = Callable[[Mapping[str, Tuned], float, int], Mapping[str, Samples]]


def changes(threads: int, fixed: bool) -> list[Tuned]:
    """Return the single changes worth a try, the most promising first; where `fixed`, the number of `threads` stays.

    None of them changes what a model answers, but for the order of rounding. Left out: flushing denormals to zero,
    which onnxruntime switches on for the caller's thread too, and what approximates.
    """
    counts = [count for count in (1, 2, 4, 8, 16, 32, 64) if count < threads and not fixed]
    several: list[Tuned] = []
    if threads > 1:
        several.append(Tuned({}, {"session.intra_op.allow_spinning": "0"}))
        several.append(Tuned({}, {"session.dynamic_block_base": "4"}))
    if threads > 1 and not fixed:  # it starts threads of its own
        several.append(Tuned({"execution_mode": 1, "inter_op_num_threads": 2}))
    return [
        *(Tuned({"intra_op_num_threads": count}) for count in counts),
        *several[:1],
        Tuned({"graph_optimization_level": 2}),
        Tuned({"enable_cpu_mem_arena": 0}),
        *several[1:],
        Tuned({"enable_mem_pattern": 0}),
        Tuned({"graph_optimization_level": 1}),
    ]


def together(*settings: Tuned) -> Tuned | None:
    """Join settings; None where two set the same thing, or one has no meaning with another."""
    options: dict[str, int] = {}
    entries: dict[str, str] = {}
    for setting in settings:
        if options.keys() & setting.options.keys() or entries.keys() & setting.entries.keys():
            return None
        options |= setting.options
        entries |= setting.entries
    if options.get("intra_op_num_threads") == 1 and any(name in _OF_THREADS for name in (*options, *entries)):
        return None
    return Tuned(options, entries)


def search(measure: Measure, tried: Sequence[Tuned], seconds: float) -> Search:
    """Find the best of `tried` and of their combinations in `seconds`; `measure` times settings by name."""
    trials: list[Trial] = []

    def rank(step: int, settings: Sequence[Tuned]) -> list[Trial]:
        """Time settings against the default; return those that are not slower, the fastest first."""
        name = ("alone", "alone again", "combined", "confirmed")[step]
        by_name = {str(setting): setting for setting in (DEFAULT, *settings)}
        taken = measure(by_name, seconds * _SHARES[step], _ROUNDS[step])
        first = taken[str(DEFAULT)]
        found = [Trial(name, each, comparison.speedup(taken[str(each)], first)) for each in settings]
        trials.extend(found)
        return sorted((trial for trial in found if trial.speed["ratio"] > 1), key=lambda trial: -trial.speed["ratio"])

    left = list(tried)
    for step in (0, 1):
        if left:
            left = [trial.setting for trial in rank(step, left)[: max(_LEFT, -(-len(left) // 2))]]
    left = left[:_LEFT]
    if not left:
        return Search(DEFAULT, None, trials)
    sets = [together(*some) for size in range(1, len(left) + 1) for some in itertools.combinations(left, size)]
    best = rank(2, [each for each in sets if each])
    if not best:
        return Search(DEFAULT, None, trials)
    near = [trial.setting for trial in best if trial.speed["ratio"] * _NOISE >= best[0].speed["ratio"]]
    winner = min(near, key=lambda setting: len(setting.options) + len(setting.entries))
    rank(3, [winner])
    speed = trials[-1].speed
    kept = winner if comparison.verdict(speed) == "faster" else DEFAULT
    return Search(kept, speed, trials)


def turns_needed(tried: int) -> int:
    """Return how many times a session is opened and timed at least, where so many changes are tried."""
    sizes = (tried + 1, max(min(tried, _LEFT), -(-tried // 2)) + 1, 2 ** min(tried, _LEFT), 2)
    return sum(size * rounds for size, rounds in zip(sizes, _ROUNDS, strict=True))
