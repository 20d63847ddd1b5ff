from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from edgekit.latency import notes
from edgekit.latency.conditions import Conditions
from edgekit.latency.doubts import about_machine, about_times, coarse_step, trend, two_modes
from edgekit.latency.samples import Samples

QUIET = Conditions(seconds=5, cores=4, processors=4, others=0.1, load=0.2, throttled=0.0, mhz=[3000.0] * 30)
RNG = np.random.default_rng


def samples(times: Any, copies: Any = None, **more: Any) -> Samples:
    """Times in bursts of ten, of five copies unless told."""
    rounds = np.arange(len(times)) // 10
    return Samples("model", np.asarray(times), rounds, copies=rounds % 5 if copies is None else copies, **more)


def steady(n: int = 3000, spread: float = 0.02, seed: int = 0) -> np.ndarray:
    return 100_000 * np.exp(RNG(seed).normal(0, spread, n))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"others": None, "load": None, "throttled": None, "mhz": []},
        {"load": 9.0},
        {"governor": "performance", "battery": False},
        {"governor": "powersave", "driver": "intel_pstate"},
        {"mhz": [3000.0, 2950.0] * 15},
        {"mhz": [3800.0, 2000.0]},
        {"others": 0.9, "processors": 8},
    ],
    ids=["quiet", "nothing known", "busy before", "performance", "adapts", "wavers", "few readings", "enough for both"],
)
def test_a_quiet_machine_leaves_no_doubt(change: dict[str, Any]) -> None:
    assert about_machine(dataclasses.replace(QUIET, **change), threads=4) == []


@pytest.mark.parametrize(
    ("change", "threads", "kind", "said"),
    [
        ({"others": 1.3}, 1, "busy-machine", "others kept 1.3 of the 4 processors busy"),
        ({"others": 0.6}, 4, "busy-machine", "others kept 0.6 of the 4"),
        ({"others": None, "load": 5.26}, 1, "busy-machine", "5.3 programs wanted the 4 cores"),
        ({"throttled": 1.25}, 1, "throttled", "held it back for 1.2 of 5 s"),
        ({"cores": 1.5}, 2, "few-cores", "2 threads were asked for, and 1.5 cores"),
        ({"mhz": list(np.linspace(3800, 2600, 30))}, 1, "drift", "clock fell by 23 %, to 2600 MHz"),
        ({"mhz": list(np.linspace(2600, 3800, 30))}, 1, "drift", "clock rose by"),
        ({"governor": "powersave", "driver": "acpi-cpufreq"}, 1, "power-saving", "powersave"),
        ({"battery": True}, 1, "power-saving", "battery"),
    ],
    ids=["busy", "no core left", "busy before", "throttled", "few cores", "cools", "warms up", "governor", "battery"],
)
def test_every_doubt_about_a_machine_says_what_was_found(
    change: dict[str, Any], threads: int, kind: str, said: str
) -> None:
    (note,) = about_machine(dataclasses.replace(QUIET, **change), threads)
    assert note.kind == kind
    assert said in note.text


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.2])
def test_steady_times_leave_no_doubt(spread: float) -> None:
    assert about_times(samples(steady(spread=spread).round(), first_ns=400_000)) == []


def test_copies_that_differ_are_neither_two_modes_nor_a_drift_nor_outliers() -> None:
    rounds = np.arange(3000) // 10
    copies = rounds * 5 // 300  # one after another
    assert about_times(samples(steady() * np.array([1, 1.2, 2.5, 3, 1])[copies], copies)) == []


def hit(share: float, by: float) -> np.ndarray:
    return steady() * np.where(RNG(1).random(3000) < share, by, 1)


@pytest.mark.parametrize(
    ("measured", "kind", "said"),
    [
        (samples(steady(), settled=False), "not-settled", '"model" was still getting faster'),
        (samples(steady(60)), "few-samples", "60 times, and p90 needs 4 more"),
        (samples(steady(), np.zeros(3000)), "one-copy", "timed as one live copy"),
        (samples(steady() // 50_000 * 50_000 + 10_000), "coarse-timer", "steps of 50000 ns"),
        (samples(steady() * np.linspace(1, 1.2, 3000)), "drift", "% slower while it was timed"),
        (samples(steady() * np.linspace(1.2, 1, 3000)), "drift", "% faster while it was timed"),
        (samples(hit(0.3, 1.5)), "bimodal", "30 % of the times"),
        (samples(hit(0.7, 1.5)), "bimodal", "1.50 times as long as the rest"),
        (samples(hit(0.04, 5)), "outliers", "4 % of the times"),
        (samples(steady(), first_ns=9_000_000), "first-call", "took 9.0 ms, 90 times the median"),
    ],
    ids=[
        "falls", "few", "one copy", "coarse", "slower", "faster", "slow at times", "fast at times", "outliers", "first",
    ],
)  # fmt: skip
def test_every_doubt_about_times_says_what_was_found(measured: Samples, kind: str, said: str) -> None:
    (note,) = about_times(measured)
    assert note.kind == kind
    assert said in note.text
    assert note.advice == notes.Note.of(kind, "").advice


def test_times_that_are_all_the_same_leave_no_doubt() -> None:
    assert about_times(samples(np.full(200, 1000))) == []
    assert about_times(samples(np.zeros(200))) == []


def test_noise_is_seldom_taken_for_a_trend() -> None:
    found = [trend(RNG(seed).normal(0, 0.2, 120)) for seed in range(200)]
    assert sum(change is not None for change in found) <= 6


def test_a_change_too_small_to_matter_is_no_trend() -> None:
    assert trend(np.linspace(0, 0.02, 200)) is None
    assert trend(np.linspace(0, 0.06, 200)) == pytest.approx(0.04, abs=0.005)


@pytest.mark.parametrize("shape", ["normal", "uniform", "exponential", "lognormal"])
def test_one_mode_is_not_taken_for_two(shape: str) -> None:
    drawn = getattr(RNG(0), shape)(size=3000)
    assert two_modes(drawn) is None


def test_two_modes_are_told_by_share_and_distance() -> None:
    found = two_modes(np.concatenate([RNG(0).normal(0, 0.02, 2000), RNG(1).normal(0.5, 0.02, 1000)]))
    assert found
    assert found == (pytest.approx(1 / 3, abs=0.01), pytest.approx(0.5, abs=0.01))


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.05), (0.0, 0.0)], ids=["too near", "one value"])
def test_modes_too_near_to_matter_are_one(low: float, high: float) -> None:
    assert two_modes(np.repeat([low, high], 500)) is None


def test_a_fine_clock_has_no_step_to_speak_of() -> None:
    assert coarse_step(steady().astype(np.int64)) is None
    assert coarse_step(np.repeat([500, 600], 50)) == 100
