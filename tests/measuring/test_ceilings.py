from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from edgekit.errors import UsageError
from edgekit.measuring import ceilings

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


class Measuring:
    """Stands in for what measures, and counts."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.busy = False

    def __call__(self, threads: int) -> dict[str, Any]:
        self.asked.append(threads)
        return {"threads": threads, "busy": self.busy, "empty_run_us": {"value": 4.0 + len(self.asked)}}


@pytest.fixture
def measuring() -> Measuring:
    return Measuring()


def test_ceilings_are_measured_once_and_kept(measuring: Measuring) -> None:
    first = ceilings.known(1, now=NOW, measuring=measuring)
    again = ceilings.known(1, now=NOW + datetime.timedelta(days=29), measuring=measuring)
    assert measuring.asked == [1]
    assert (first["kept"], again["kept"]) == (False, True)
    assert again["measured"] == first["measured"] == "2026-03-01T00:00:00+00:00"
    assert {**again, "kept": False} == first


def test_another_number_of_threads_has_ceilings_of_its_own(measuring: Measuring) -> None:
    assert [ceilings.known(threads, now=NOW, measuring=measuring)["threads"] for threads in (1, 2, 1)] == [1, 2, 1]
    assert measuring.asked == [1, 2]


@pytest.mark.parametrize("more", [{"fresh": True}, {"now": NOW + datetime.timedelta(days=31)}], ids=["fresh", "old"])
def test_ceilings_are_measured_again_when_asked_or_old(measuring: Measuring, more: dict[str, Any]) -> None:
    ceilings.known(1, now=NOW, measuring=measuring)
    assert ceilings.known(1, **({"now": NOW} | more), measuring=measuring)["empty_run_us"]["value"] == 6.0
    assert measuring.asked == [1, 1]


def test_what_a_busy_machine_gave_is_told_as_such_and_kept_for_an_hour(measuring: Measuring) -> None:
    measuring.busy = True
    for minutes, kept in ((0, False), (59, True), (61, False)):
        found = ceilings.known(1, now=NOW + datetime.timedelta(minutes=minutes), measuring=measuring)
        assert (found["busy"], found["kept"]) == (True, kept)
    assert measuring.asked == [1, 1]


def test_a_damaged_file_is_measured_over(measuring: Measuring, own_home: Path) -> None:
    ceilings.known(1, now=NOW, measuring=measuring)
    (kept,) = (own_home / "ceilings").iterdir()
    kept.write_text(kept.read_text().replace("5.0", "0.1"))
    assert ceilings.known(1, now=NOW, measuring=measuring)["empty_run_us"]["value"] == 6.0


def test_no_thread_does_nothing(measuring: Measuring) -> None:
    with pytest.raises(UsageError, match="0 threads"):
        ceilings.known(0, measuring=measuring)


def test_this_machine_has_ceilings() -> None:
    found = ceilings.measure(1, seconds=0.1)
    for name in ("fp32_gflops", "int8_gops", "bandwidth_gbs", "empty_run_us", "node_us"):
        assert 0 <= found[name]["low"] <= found[name]["value"] <= found[name]["high"], name
    assert found["fp32_gflops"]["value"] > 1
    sizes = [each["bytes"] for each in found["bandwidths"]]
    assert sizes == sorted(sizes)
    assert found["bandwidths"][-1]["value"] == found["bandwidth_gbs"]["value"]
    assert found["empty_run_us"]["value"] < 1000
