"""What the machine was doing while something was timed: other programs, throttling, its clock, its power.

Linux is read exactly; elsewhere what cannot be found is None or empty. What is to be doubted for it, `doubts.py` says.
Imports hardware alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from edgekit import hardware

_LOOK_NS = 500_000_000  # how often the processor's clock is read


@dataclass(frozen=True)
class Conditions:
    """What was seen over `seconds`, as plain numbers.

    `cores`: how many may be used; `processors`: how many the machine has. `others`: how many of them others kept busy
    on average, other guests of the same host included; `load`: how many programs wanted a core in the minute before.
    `throttled`: the seconds for which the cgroup's quota held the process back. `mhz`: the highest clock of any
    processor, read now and then. `governor`, `driver`: what chooses the clock. `battery`: whether it runs on one.
    """

    seconds: float
    cores: float
    processors: int
    others: float | None = None
    load: float | None = None
    throttled: float | None = None
    mhz: list[float] = field(default_factory=list)
    governor: str | None = None
    driver: str | None = None
    battery: bool | None = None


class _Moment(NamedTuple):
    wall: float
    busy: float | None  # processor seconds of all programs
    own: float  # and of this one, with the programs that it started and that have ended
    throttled: float | None


class Watch:
    """Watches the machine: `with Watch() as watch: interleave(..., progress=watch)`, then `watch.seen()`.

    `progress` is told what `interleave` tells, and so is not lost. `root`: where /proc and /sys lie.
    """

    def __init__(self, progress: Callable[[float], None] | None = None, root: str | os.PathLike[str] = "/") -> None:
        self._progress = progress
        self._root = Path(root)
        self._load = hardware.load_average()
        self._mhz: list[float] = []
        self._next = 0
        self._began = self._ended = self._moment()

    def __enter__(self) -> Watch:
        self._began = self._moment()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._ended = self._moment()

    def __call__(self, seconds_left: float) -> None:
        """Look at the clock of the processor, from time to time, and pass `seconds_left` on."""
        now = time.monotonic_ns()
        if now >= self._next:
            self._next = now + _LOOK_NS
            self._mhz += self._clock()
        if self._progress:
            self._progress(seconds_left)

    def seen(self) -> Conditions:
        """Give what was seen between entering and leaving."""
        began, ended = self._began, self._ended
        seconds = ended.wall - began.wall
        others = None
        if began.busy is not None and ended.busy is not None and seconds > 0:
            others = max(ended.busy - began.busy - (ended.own - began.own), 0) / seconds
        throttled = None
        if began.throttled is not None and ended.throttled is not None:
            throttled = ended.throttled - began.throttled
        return Conditions(
            seconds=seconds,
            cores=hardware.usable_cores(),
            processors=os.cpu_count() or 1,
            others=others,
            load=self._load,
            throttled=throttled,
            mhz=list(self._mhz),
            governor=self._read("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
            driver=self._read("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver") or None,
            battery=self._on_battery(),
        )

    def _moment(self) -> _Moment:
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return _Moment(time.monotonic(), busy_seconds(self._read("proc/stat")), own, self._throttled())

    def _throttled(self) -> float | None:
        folders = hardware.cgroup_folders(self._read("proc/self/cgroup"), self._root / "sys/fs/cgroup", "cpu")
        found = [throttled_seconds(self._read(Path(folder) / "cpu.stat")) for folder in folders]
        return max((each for each in found if each is not None), default=None)

    def _clock(self) -> list[float]:
        files = self._root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
        said = [self._read(file) for file in files]
        return [max(int(khz) / 1e3 for khz in said)] if said and all(khz.isdigit() for khz in said) else []

    def _on_battery(self) -> bool | None:
        """Tell whether a battery is giving power: of the machine, not of a mouse."""
        found = None
        for supply in self._root.glob("sys/class/power_supply/*"):
            if self._read(supply / "type") == "Battery" and self._read(supply / "scope") != "Device":
                found = bool(found) or self._read(supply / "status") == "Discharging"
        return found

    def _read(self, path: str | os.PathLike[str]) -> str:
        try:
            return (self._root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""


def busy_seconds(text: str) -> float | None:
    """Read from /proc/stat how long processors have been busy, all together; None where it does not tell."""
    words = text.partition("\n")[0].split()
    if len(words) < 9 or words[0] != "cpu" or not any(int(word) for word in words[1:]):
        return None
    user, nice, system, _, _, interrupts, soft, stolen = (int(word) for word in words[1:9])
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")


def throttled_seconds(text: str) -> float | None:
    """Read from a cgroup's cpu.stat, of version 1 or 2, how long its quota has held it back; None without a quota."""
    said = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    if "throttled_usec" in said:
        return int(said["throttled_usec"]) / 1e6
    if "throttled_time" in said:
        return int(said["throttled_time"]) / 1e9
    return None
