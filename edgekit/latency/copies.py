"""Several live copies of what is timed, because one copy tells little about the rest.

Two sessions of one file differ in speed for as long as they live, by where in memory their weights came to lie: by
0.3 % at 64 KB, by 2 % at 25 MB, and by 5 % (standard deviation) where the weights just fill a core's cache. Imports
this room alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from edgekit.latency.settling import Call, Clock, settle, uncollected

FEWEST = 5  # pairs of copies below which Student's t says next to nothing: then one copy is as good
MOST = 64
_BURST_NS = 1_500_000  # what a round gives to each subject: long against a switch, short against a change of mood
_BURST_CALLS = 1000  # the most calls of a burst
# A subject finds the caches full of the others' data: a model of 25 MB takes twice its time in the second call of a
# burst, and a tenth more in the fourth. So many calls go by untimed and so many at least are timed, as far as they fit.
_UNTIMED, _TIMED = 4, 10
_FITTING_NS = 20_000_000
_OPENING_SHARE = 0.33  # the part of the time that opening more copies than the fewest may take
_WARM_UP_SHARE = 0.25  # the part of the time that warming up the first copies may take at most
_PATIENCE_NS = 2_000_000_000  # what opening the fewest may take where the whole time is shorter
_MEMORY_SHARE = 0.25  # the part of the free memory that the copies may take
_LAPS = 3  # rounds that every copy must get

Memory = Callable[[], int | None]
Lost = Callable[[str, Exception], None]


@dataclass(frozen=True)
class Opener:
    """What can be opened anew: `open` makes one more live copy and returns the call to be timed.

    `most`: how many copies may live at once; 1 for what is dear to open or counts its memory elsewhere.
    """

    open: Callable[[], Call]
    most: int = MOST


@dataclass
class Live:
    """The live copies of one subject.

    `first_ns`: the time of the very first call of the first copy. `typical_ns`: that of a call once it was warm, at the
    fastest. `settled`: whether the first copy's times had stopped falling when its warm-up ended.
    """

    calls: list[Call] = field(default_factory=list)
    first_ns: int = 0
    typical_ns: float = 0.0
    settled: bool = True

    @property
    def burst(self) -> tuple[int, int]:
        """How many calls of a burst go by untimed, and how many are timed."""
        typical = max(self.typical_ns, 1)
        fitting = int(_FITTING_NS / typical)
        timed = max(1, min(_TIMED, fitting), round(_BURST_NS / typical))
        return min(_UNTIMED, fitting), min(_BURST_CALLS, timed)


def open_copies(
    subjects: Mapping[str, Call | Opener],
    *,
    ends: int,
    clock: Clock,
    draw: Random,
    memory: Memory,
    lost: Lost | None,
    tick: Callable[[], None],
) -> dict[str, Live]:
    """Open and warm up copies of every subject, copy by copy and in an order drawn anew, so that none is favoured.

    A plain call has one copy. The others have as many as a third of the time until `ends` (ns on `clock`) and a
    quarter of the free memory allow, between FEWEST and MOST; one alone where not even FEWEST can be had. A subject
    that cannot be opened or called goes to `lost`; where that is None, its error is raised.
    """
    began = clock()
    whole, free = ends - began, memory()
    warm_up = round(whole * _WARM_UP_SHARE / max(len(subjects), 1))
    live: dict[str, Live] = {}
    spent = 0
    for name in draw.sample(list(subjects), len(subjects)):
        at = clock()
        try:
            live[name] = one = Live()
            _open(subjects[name], one, clock)
            spent += clock() - at
            with uncollected():
                one.typical_ns, one.settled = settle(one.calls[0], clock, warm_up, 2 * _BURST_NS)
        except Exception as fault:
            if lost is None:
                raise
            del live[name]
            lost(name, fault)
        tick()
    most = {name: subject.most if isinstance(subject, Opener) else 1 for name, subject in subjects.items()}
    round_ns = sum(one.typical_ns * sum(one.burst) for one in live.values())
    in_time = FEWEST * spent <= max(whole, _PATIENCE_NS)
    count = 1
    while any(count < most[name] for name in live):
        enough_time = clock() - began < whole * _OPENING_SHARE and (count + 1) * _LAPS * round_ns <= ends - clock()
        wanted = FEWEST if count < FEWEST else count + 1
        if not (in_time if count < FEWEST else enough_time) or not _fits(free, memory(), count, wanted):
            break
        growing = [name for name in live if count < most[name]]
        if not _open_more(subjects, {name: live[name] for name in draw.sample(growing, len(growing))}, clock, warm_up):
            break
        count += 1
        tick()
    return {name: live[name] for name in subjects if name in live}


def _open(subject: Call | Opener, one: Live, clock: Clock) -> None:
    """Open one copy more and call it once."""
    call = subject.open() if isinstance(subject, Opener) else subject
    with uncollected():
        began = clock()
        call()
        took = clock() - began
    one.first_ns = one.first_ns if one.calls else took
    one.calls.append(call)


def _open_more(subjects: Mapping[str, Call | Opener], live: Mapping[str, Live], clock: Clock, limit: int) -> bool:
    """Open and warm up one copy more of each; where one cannot be had, the others let go of theirs."""
    before = {name: len(one.calls) for name, one in live.items()}
    try:
        for name, one in live.items():
            _open(subjects[name], one, clock)
            with uncollected():
                typical, _ = settle(one.calls[-1], clock, limit // FEWEST, _BURST_NS // 6, calls=1)
            # On a busy machine the fastest look is the truest, and bursts of the same calls must be as long.
            one.typical_ns = min(one.typical_ns, typical)
    except Exception:  # no memory for it, most likely; those that live are measured
        for name, one in live.items():
            del one.calls[before[name] :]
        return False
    return True


def _fits(free: int | None, left: int | None, count: int, wanted: int) -> bool:
    """Tell whether `wanted` copies stay within their share, where `count` made of `free` bytes what is `left`."""
    if free is None or left is None:
        return wanted <= FEWEST
    return (free - left) / count * wanted <= _MEMORY_SHARE * free
