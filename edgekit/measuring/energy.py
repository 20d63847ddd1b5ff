"""The energy a processor counts itself: RAPL, as Linux shows it under /sys/class/powercap. Standard library alone."""

from __future__ import annotations

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


class Meter:
    """The counters of all processor packages together. `why_not` says why there are none, None where there are."""

    def __init__(self, folder: Path = POWERCAP) -> None:
        packages = sorted(folder.glob("intel-rapl:?")) + sorted(folder.glob("amd-rapl:?"))
        self._counters = [path / "energy_uj" for path in packages]
        self._largest = [_number(path / "max_energy_range_uj") or 0 for path in packages]
        self.why_not: str | None = None
        if not packages:
            self.why_not = f"this machine shows no energy counter under {folder}"
        elif None in self.read():
            self.why_not = f"{self._counters[0]} may not be read: it is root's"

    def read(self) -> list[int | None]:
        """Return what every counter shows, in microjoules."""
        return [_number(path) for path in self._counters]

    def between(self, before: list[int | None], after: list[int | None]) -> float | None:
        """Return the joules between two readings less than one turn of a counter apart; None where there are none."""
        spent = 0
        for one, other, largest in zip(before, after, self._largest, strict=True):
            if one is None or other is None:
                return None
            spent += other - one if other >= one else other - one + largest
        return spent / 1e6 if self._counters else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
