"""What makes a measurement doubtful, found from plain numbers alone. numpy and this room."""

from __future__ import annotations

import numpy as np

from edgekit.latency.conditions import Conditions
from edgekit.latency.notes import Note
from edgekit.latency.samples import Samples

DISTURBED = ("busy-machine", "throttled")  # kinds of doubt for which a measurement may be wrong as a whole
_OTHERS_SHARE = 0.2  # of the machine's processors that others may keep busy
_PARTS = 12  # of equal length, in which a trend is looked for
_TREND = 0.7  # the least rank correlation of a trend with time: by chance in 1.2 % of cases, for twelve parts
_DRIFT = 0.03  # the least change from the first third to the last
_APART = 0.2  # two modes are so far apart, as a part of the median,
_SPREADS = 4.0  # and in their own spread: cutting what has one mode gives 2.7 where it is normal, 3.5 where uniform;
_SHARE = 0.2  # each has this share of the times at least: less hardly moves the median
_FAR = 2.0  # medians that an outlier takes
_FAR_SHARE = 0.01  # of the times are outliers where that is noted
_STEP = 0.02  # the part of the median that the clock's step may be
_FIRST = 10.0  # medians that a first call must take to be noted,
_FIRST_NS = 1_000_000  # and ns
_MOST = 20_000  # times that are looked at for modes


def about_machine(seen: Conditions, threads: int) -> list[Note]:
    """Return the doubts about a machine that was asked for `threads` threads."""
    found = []
    if seen.others is not None:
        share = _OTHERS_SHARE * seen.processors
        if seen.others > share or seen.others + threads > seen.processors + share / 2:
            text = f"others kept {seen.others:.1f} of the {seen.processors} processors busy"
            found.append(Note.of("busy-machine", text))
    elif seen.load is not None and seen.load > seen.cores:
        text = f"{seen.load:.1f} programs wanted the {seen.cores:g} cores in the minute before"
        found.append(Note.of("busy-machine", text))
    if seen.throttled:
        text = f"the cgroup's quota held it back for {seen.throttled:.2g} of {seen.seconds:.2g} s"
        found.append(Note.of("throttled", text))
    if threads > seen.cores:
        found.append(Note.of("few-cores", f"{threads} threads were asked for, and {seen.cores:g} cores may be used"))
    if change := trend(np.log(seen.mhz)):
        text = f"the processor's clock {'rose' if change > 0 else 'fell'} by {100 * abs(np.expm1(change)):.0f} %"
        found.append(Note.of("drift", f"{text}, to {seen.mhz[-1]:.0f} MHz"))
    # Intel's and AMD's own drivers call "powersave" what adapts to the load.
    if seen.governor == "powersave" and seen.driver not in ("intel_pstate", "amd-pstate-epp"):
        found.append(Note.of("power-saving", 'the governor "powersave" keeps the clock low'))
    if seen.battery:
        found.append(Note.of("power-saving", "it runs on its battery"))
    return found


def about_times(samples: Samples) -> list[Note]:
    """Return the doubts about the times of one subject."""
    name, n = f'"{samples.name}"', len(samples)
    found = []
    if not samples.settled:
        found.append(Note.of("not-settled", f"{name} was still getting faster when its warm-up ended"))
    if lacking := samples.lacking(90):
        found.append(Note.of("few-samples", f"{name} has {n} times, and p90 needs {lacking} more"))
    if len(np.unique(samples.copies)) == 1:
        found.append(Note.of("one-copy", f"{name} was timed as one live copy, and another may differ by some percent"))
    step = coarse_step(samples.times_ns)
    if step:
        text = f"the clock moves in steps of {step:.0f} ns, and {name} takes {1e3 * samples.p50:.0f}"
        found.append(Note.of("coarse-timer", text))
    if change := trend(_log_rounds(samples)):
        way = "slower" if change > 0 else "faster"
        text = f"{name} became {100 * abs(np.expm1(change)):.0f} % {way} while it was timed"
        found.append(Note.of("drift", text))
    times = _log_times(samples)
    modes = None if step else two_modes(times)  # a coarse clock has as many modes as steps
    if modes:
        share, apart = modes
        text = f"{100 * share:.0f} % of the times of {name} are {np.exp(apart):.2f} times as long as the rest"
        found.append(Note.of("bimodal", f"{text}, and few lie between"))
    far = float((times > np.log(_FAR)).mean())
    if far > _FAR_SHARE:
        text = f"{100 * far:.0f} % of the times of {name} are longer than {_FAR:g} medians"
        found.append(Note.of("outliers", f"{text}, the longest {np.exp(times.max()):.0f}"))
    first = samples.first_ns or 0
    if first > max(_FIRST_NS, _FIRST * 1e3 * samples.p50):
        text = f"the first call of {name} took {first / 1e6:.1f} ms, {first / 1e3 / samples.p50:.0f} times the median"
        found.append(Note.of("first-call", text))
    return found


def trend(values: np.ndarray) -> float | None:
    """Return by how much the last third of `values` (n,; in the order taken) is above the first, where that is a trend.

    None where it is less than the noise: the ranks of twelve parts' medians must go with time, and by _DRIFT.
    """
    if len(values) < 2 * _PARTS:
        return None
    parts = np.array([np.median(part) for part in np.array_split(values, _PARTS)])
    ranks = parts.argsort().argsort()
    if abs(np.corrcoef(ranks, np.arange(_PARTS))[0, 1]) < _TREND:
        return None
    change = float(np.median(parts[-_PARTS // 3 :]) - np.median(parts[: _PARTS // 3]))
    return change if abs(change) > _DRIFT else None


def two_modes(values: np.ndarray) -> tuple[float, float] | None:
    """Return the upper mode's share of `values` (n,; logarithms) and its distance from the lower; None if one mode.

    Cuts them where the variance within the two parts is least (Otsu 1979), and asks how far apart the parts are in
    their own spread (Ashman, Bird and Zepf 1994).
    """
    low, high = np.quantile(values, (0.01, 0.99))
    kept = np.sort(values[(values >= low) & (values <= high)])
    counts = np.arange(1, len(kept))
    if len(counts) < 2 * _PARTS:
        return None
    sums, total = kept.cumsum()[:-1], kept.sum()
    lower, upper = sums / counts, (total - sums) / (len(kept) - counts)
    cut = int(np.argmax(counts * (len(kept) - counts) * (upper - lower) ** 2)) + 1
    spread = float(np.sqrt((kept[:cut].var() + kept[cut:].var()) / 2))
    share, apart = 1 - cut / len(kept), float(upper[cut - 1] - lower[cut - 1])
    clear = apart > max(np.log1p(_APART), _SPREADS * spread)
    return (share, apart) if clear and _SHARE <= share <= 1 - _SHARE else None


def coarse_step(times_ns: np.ndarray) -> float | None:
    """Return the step of the clock in ns, where it is more than a fiftieth of the median time; None where it is fine.

    It shows in times that are often equal; where all are, it cannot be told.
    """
    different = np.unique(times_ns)
    if not 1 < len(different) <= len(times_ns) / 2:
        return None
    step = float(np.diff(different).min())
    return step if step > _STEP * float(np.median(times_ns)) else None


def _log_times(samples: Samples) -> np.ndarray:
    """Return the logarithms of the times over the median of their copy: how copies differ is no doubt about them."""
    every = -(-len(samples) // _MOST)
    times, copies = samples.times_ns[::every], samples.copies[::every]
    return _over_copies(np.log(np.maximum(times, 1)), copies)


def _log_rounds(samples: Samples) -> np.ndarray:
    rounds = samples.by_round()
    return _over_copies(np.log(np.maximum(rounds.medians, 1)), rounds.copies)


def _over_copies(values: np.ndarray, copies: np.ndarray) -> np.ndarray:
    over = values.astype(np.float64)
    for copy in np.unique(copies):
        over[copies == copy] -= np.median(values[copies == copy])
    return over
