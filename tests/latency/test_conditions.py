from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.latency import conditions
from edgekit.latency.conditions import Watch, busy_seconds, throttled_seconds

TICKS = os.sysconf("SC_CLK_TCK")


def stat(busy: float) -> str:
    """What /proc/stat tells of two processors that were busy for so many seconds together."""
    ticks = round(busy * TICKS)
    return f"cpu  {ticks - 4} 1 1 999 7 0 1 1 0 0\ncpu0 1 0 0 0 0 0 0 0 0 0\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], None]:
    def to(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    return to


def test_busy_time_is_that_of_all_programs_and_of_the_host_but_not_waiting() -> None:
    assert busy_seconds("cpu  100 20 30 999 999 1 2 47 0 0\ncpu0 1 2 3\n") == 200 / TICKS


@pytest.mark.parametrize("text", ["", "nonsense", "cpu 1 2 3", "cpu 0 0 0 0 0 0 0 0 0 0"])
def test_what_does_not_tell_how_busy_it_is_is_unknown(text: str) -> None:
    assert busy_seconds(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("usage_usec 5\nnr_periods 9\nnr_throttled 4\nthrottled_usec 2500000\n", 2.5),
        ("nr_periods 9\nnr_throttled 4\nthrottled_time 2500000000\n", 2.5),
        ("usage_usec 5\n", None),
        ("", None),
    ],
    ids=["version 2", "version 1", "no quota", "absent"],
)
def test_throttling_is_read_of_both_versions_of_cgroups(text: str, seconds: float | None) -> None:
    assert throttled_seconds(text) == seconds


def test_what_others_kept_busy_is_what_was_busy_less_ones_own(
    tmp_path: Path, write: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wall, own = iter([100.0, 100.0, 110.0]), iter([20.0, 20.0, 29.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(wall))
    monkeypatch.setattr(os, "times", lambda: os.times_result((next(own), 0, 0, 0, 0)))
    write("proc/stat", stat(1000))
    with Watch(root=tmp_path) as watch:
        write("proc/stat", stat(1012))
    seen = watch.seen()
    assert seen.seconds == 10
    assert seen.others == pytest.approx(0.3)
    assert seen.throttled is None


def test_throttling_while_watching_is_seen_of_a_cgroup_above(tmp_path: Path, write: Callable[[str, str], None]) -> None:
    write("proc/self/cgroup", "0::/pod/app")
    write("sys/fs/cgroup/pod/cpu.stat", "throttled_usec 1000000")
    write("sys/fs/cgroup/pod/app/cpu.stat", "throttled_usec 0")
    with Watch(root=tmp_path) as watch:
        write("sys/fs/cgroup/pod/cpu.stat", "throttled_usec 1250000")
    assert watch.seen().throttled == 0.25


def test_the_clock_is_read_now_and_then_and_progress_is_passed_on(
    tmp_path: Path, write: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, told = 0, []
    monkeypatch.setattr(conditions.time, "monotonic_ns", lambda: now)
    watch = Watch(told.append, root=tmp_path)
    for number in range(20):
        now = number * 100_000_000 + 1
        for cpu, khz in ((0, 1_200_000), (1, 3_800_000 - number * 100_000)):
            write(f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq", str(khz))
        watch(20.0 - number)
    assert told == [20.0 - number for number in range(20)]
    assert watch.seen().mhz == [3800, 3300, 2800, 2300]


@pytest.mark.parametrize(
    ("supplies", "battery"),
    [
        ({}, None),
        ({"AC": {"type": "Mains"}, "BAT0": {"type": "Battery", "status": "Charging"}}, False),
        ({"BAT0": {"type": "Battery", "status": "Full"}, "BAT1": {"type": "Battery", "status": "Discharging"}}, True),
        ({"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, None),
    ],
    ids=["none", "charging", "discharging", "a mouse's"],
)
def test_a_battery_of_the_machine_is_seen(
    tmp_path: Path, write: Callable[[str, str], None], supplies: dict[str, dict[str, str]], battery: bool | None
) -> None:
    for name, files in supplies.items():
        for file, text in files.items():
            write(f"sys/class/power_supply/{name}/{file}", text)
    assert Watch(root=tmp_path).seen().battery is battery


def test_who_sets_the_clock_is_read(tmp_path: Path, write: Callable[[str, str], None]) -> None:
    write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave")
    write("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", "intel_pstate")
    seen = Watch(root=tmp_path).seen()
    assert (seen.governor, seen.driver) == ("powersave", "intel_pstate")


def test_where_nothing_can_be_read_nothing_is_known_and_nothing_raises(tmp_path: Path) -> None:
    with Watch(root=tmp_path) as watch:
        watch(1.0)
    seen = watch.seen()
    assert (seen.others, seen.throttled, seen.governor, seen.battery, seen.mhz) == (None, None, None, None, [])
    assert seen.cores > 0
    assert seen.processors >= 1


def test_this_machine_is_watched() -> None:
    with Watch() as watch:
        time.sleep(0.01)
    assert watch.seen().seconds >= 0.01
