from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from edgekit import hardware
from edgekit.latency.samples import Samples


@pytest.fixture
def recording(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("recording")


def samples(name: str, milliseconds: list[float]) -> Samples:
    return Samples(name, np.array(milliseconds) * 1e6, np.arange(len(milliseconds)))


def test_each_is_compared_with_the_first_round_by_round(recording: ModuleType):
    """The machine is half as fast in every other round, which no ratio may show."""
    slow = [1, 2] * 10
    bare, wrapped = recording.compared(
        [samples("bare", [100 * by for by in slow]), samples("wrapped", [130 * by for by in slow])]
    )
    assert bare["ratio"] == {"ratio": 1, "low": 1, "high": 1}
    assert wrapped["ratio"]["ratio"] == pytest.approx(1.3)
    assert wrapped["added_us"]["value"] == pytest.approx(45_000)
    assert wrapped["added_us"]["low"] <= 45_000 <= wrapped["added_us"]["high"]
    assert len(wrapped["times_ns"]) == 20


@pytest.mark.parametrize(
    ("cpu", "name"),
    [
        pytest.param("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "intel-core-i7-8550u-4-cores", id="intel"),
        pytest.param("AMD Ryzen 7 5800X 8-Core Processor", "amd-ryzen-7-5800x-8-core-4-cores", id="amd"),
        pytest.param(None, "aarch64-4-cores", id="unknown"),
    ],
)
def test_a_machine_is_named_after_its_processor(
    recording: ModuleType, cpu: str | None, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hardware, "machine", lambda: {"cpu": cpu, "architecture": "aarch64", "cores": 4})
    assert recording.machine_name() == name
