from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from edgekit.errors import DataError
from edgekit.runtime.session import open_session

NONE = "no clear difference"


@pytest.fixture
def validity(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("validity")


@pytest.mark.parametrize(
    ("rule", "mean", "std", "said"),
    [
        ("apart", 101.9, 0.0, NONE),
        ("apart", 102.1, 50.0, "slower"),
        ("apart", 97.9, 50.0, "faster"),
        ("overlap", 109.0, 5.0, NONE),
        ("overlap", 111.0, 5.0, "slower"),
        ("overlap", 89.0, 5.0, "faster"),
    ],
)
def test_the_common_ways_claim_by_means_or_by_standard_deviations(
    validity: ModuleType, rule: str, mean: float, std: float, said: str
) -> None:
    assert validity.claimed(rule, {"mean": 100.0, "std": 5.0}, {"mean": mean, "std": std}) == said


def trial(same: str, slowed: str, mean: float = 100.0) -> dict[str, Any]:
    times = {
        name: {"mean": value, "std": 1.0}
        for name, value in zip(("model", "same", "slowed"), (100, 100, mean), strict=True)
    }
    verdicts = {"same": {"verdict": same}, "slowed": {"verdict": slowed}}
    return {"edgekit": verdicts, "common": {"20": times, "100": times}}


def test_a_claim_about_the_same_is_false_and_only_slower_is_found(validity: ModuleType) -> None:
    trials = [trial(NONE, "slower"), trial("faster", "slower", 105), trial(NONE, "faster", 95), trial(NONE, NONE)]
    rates = validity.rates(trials)
    assert (rates["edgekit"]["false"]["value"], rates["edgekit"]["found"]["value"]) == (0.25, 0.5)
    common = rates["20 runs, means 2 % apart"]
    assert (common["false"]["value"], common["found"]["value"], common["found"]["n"]) == (0, 0.25, 4)
    assert len(rates) == 5


@pytest.mark.parametrize(
    ("false", "missed", "code"), [(0, 0, 0), (5, 10, 0), (6, 0, 1), (0, 11, 1)], ids=["none", "just", "false", "missed"]
)
def test_the_verdicts_must_reach_what_is_asked_for(validity: ModuleType, false: int, missed: int, code: int) -> None:
    trials = [trial("faster" if at < false else NONE, NONE if at < missed else "slower") for at in range(100)]
    assert validity.judged({"model": validity.rates(trials)}) == code


def test_the_models_open_and_are_as_large_as_they_are_called(validity: ModuleType, tmp_path: Path) -> None:
    paths = validity.models(tmp_path)
    sizes = {name: path.stat().st_size / 1024 for name, path in paths.items()}
    assert sizes == pytest.approx({"64 KB": 64, "1 MB": 1024, "25 MB": 24 * 1024, "convolutions": 210}, rel=0.05)
    assert set(sizes) == set(validity.SECONDS)
    for name in ("64 KB", "convolutions"):
        assert open_session(paths[name], threads=1).outputs[0].shape[0] == "N"
        validity.one_call(paths[name])()


def test_the_slowed_call_makes_the_call_and_waits(validity: ModuleType) -> None:
    made: list[int] = []
    slow = validity.slowed(lambda: made.append(1), 2_000_000)
    began = time.perf_counter_ns()
    slow()
    assert time.perf_counter_ns() - began >= 2_000_000
    assert made == [1]


def test_a_trial_keeps_ratios_intervals_and_what_the_common_ways_saw(validity: ModuleType, tmp_path: Path) -> None:
    path = validity.models(tmp_path)["64 KB"]
    found = validity.trial(path, 1000.0, 0.05, 0)
    for name in ("same", "slowed"):
        said = found["edgekit"][name]
        assert said["low"] <= said["ratio"] <= said["high"]
    assert set(found["common"]["20"]) == {"model", "same", "slowed"}
    assert found["copies"] >= 5
    assert json.loads(json.dumps(found)) == found


def test_a_run_goes_on_where_it_stopped_and_refuses_other_settings(
    validity: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def fake(path: Path, wait: float, seconds: float, seed: int) -> dict[str, Any]:
        made.append(seed)
        speed = {"ratio": 1.0, "low": 0.99, "high": 1.01}
        return trial(NONE, "slower") | {
            "edgekit": {name: speed | {"verdict": NONE} for name in ("same", "slowed")}, "copies": 5, "seconds": 1.0,
        }  # fmt: skip

    monkeypatch.setattr(validity, "trial", fake)
    monkeypatch.setattr(validity, "calibrated", lambda path: {"wait_ns": 1.0, "slowed": 1.05})
    output, seconds = tmp_path / "validity.json", {"a": 1.0}
    for trials in (2, 5):
        said = argparse.Namespace(trials=trials, output=output)
        validity.run(validity.begun(output, seconds), {"a": tmp_path}, said)
    assert made == [0, 1, 2, 3, 4]
    assert len(json.loads(output.read_text())["trials"]["a"]) == 5
    with pytest.raises(DataError, match='another "settings"'):
        validity.begun(output, {"a": 2.0})
