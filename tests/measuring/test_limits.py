"""How near its limits what a sweep measures runs, with made-up ceilings and a tiny network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit import hardware
from edgekit.errors import DataError
from edgekit.latency.record import Record
from edgekit.measuring import ceilings, profile
from edgekit.measuring.cells import Asked, lay_out
from edgekit.measuring.subjects import of_call, of_onnx
from edgekit.measuring.sweep import Sweep

MADE_UP: dict[str, Any] = {
    "busy": False,
    "fp32_gflops": {"value": 1.0},
    "int8_gops": {"value": 10.0},
    "bandwidth_gbs": {"value": 1.0},
    "bandwidths": [{"bytes": 1, "value": 1.0}],
    "empty_run_us": {"value": 0.001},
    "node_us": {"value": 0.0},
}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have ceilings made up, on two cores, and return for how many threads that was asked."""
    monkeypatch.setattr(hardware, "usable_cores", lambda: 2.0)
    threads: list[int] = []

    def measure(count: int) -> dict[str, Any]:
        threads.append(count)
        return {**MADE_UP, "threads": count}

    monkeypatch.setattr(ceilings, "measure", measure)
    return threads


@pytest.fixture
def network(tmp_path: Path) -> Path:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N,64] x) => (float[N,64] y) { [dense] y = MatMul(x, w) }'
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((64, 64), np.float32), "w"))
    onnx.save(model, tmp_path / "network.onnx")
    return tmp_path / "network.onnx"


@pytest.fixture
def measure(network: Path, tmp_path: Path) -> Callable[..., Record]:
    def run(asked: Asked | None = None, **settings: Any) -> Record:
        subjects = [of_onnx("network", network), of_call("function", lambda: 0)]
        cells, notes = lay_out(subjects, asked or Asked())
        return Sweep(cells, tmp_path / "record.json", 0.05, notes, beside_times=False, **settings).measure()

    return run


def test_more_threads_than_cores_have_the_limits_of_the_cores(measure: Callable[..., Record], asked: list[int]) -> None:
    record = measure(Asked(threads=(3,)), limits=True)
    assert asked == [2] and (record.ceilings or {})["3"]["threads"] == 2


def test_every_model_has_its_share_of_the_ceilings_at_its_number_of_threads(
    measure: Callable[..., Record], asked: list[int]
) -> None:
    record = measure(Asked(threads=(1, 2), batches=(4,)), limits=True)
    assert asked == [1, 2]
    assert sorted(record.ceilings or {}) == ["1", "2"]
    networks = [entry for entry in record.models if entry.name == "network"]
    assert [entry.threads for entry in networks] == [1, 2]
    for entry in networks:
        assert entry.ceiling is not None and entry.profile is None
        macs = 4 * 64 * 64
        assert entry.ceiling["macs"] == macs
        assert entry.ceiling["bytes"] == 4 * (64 * 64 + 2 * 4 * 64)
        # At 1 GFLOP/s two operations for each MAC take as many nanoseconds.
        assert entry.ceiling["compute_share"] == pytest.approx(2e-3 * macs / entry.samples.p50)
        assert entry.ceiling["bound"] == "compute"
    (function,) = [entry for entry in record.models if entry.name == "function"]
    assert (function.ceiling, function.profile) == (None, None)


def test_a_profile_comes_with_its_share_even_where_no_ceilings_were_asked_for(measure: Callable[..., Record]) -> None:
    entry = measure(profiled=True).models[0]
    assert entry.profile and entry.ceiling
    assert [node["name"] for node in entry.profile["nodes"]] == ["dense"]


def test_nothing_is_looked_for_that_was_not_asked_for(measure: Callable[..., Record], asked: list[int]) -> None:
    record = measure()
    assert (asked, record.ceilings, record.models[0].ceiling, record.models[0].profile) == ([], None, None, None)


def test_kept_ceilings_are_used_unless_fresh_ones_are_asked_for(
    measure: Callable[..., Record], asked: list[int]
) -> None:
    for settings in ({}, {}, {"fresh": True}):
        measure(limits=True, **settings)
    assert asked == [1, 1]


def test_a_model_that_cannot_be_profiled_is_timed_all_the_same(
    measure: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise DataError("onnxruntime's profile cannot be read: it is empty")

    monkeypatch.setattr(profile, "profile", fails)
    record = measure(profiled=True)
    assert record.models[0].ceiling is None and len(record.models[0].samples) >= 64
    (note,) = [note for note in record.notes if note.kind == "failed"]
    assert note.text == '"network" could not be profiled: onnxruntime\'s profile cannot be read: it is empty'


def test_what_was_found_before_a_kill_is_not_looked_for_again(
    measure: Callable[..., Record], monkeypatch: pytest.MonkeyPatch, asked: list[int]
) -> None:
    with monkeypatch.context() as cut:
        cut.setattr(Sweep, "_sit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            measure(limits=True, fresh=True)
    monkeypatch.setattr(profile, "work", lambda *_, **__: pytest.fail("looked for again"))
    record = measure(limits=True, fresh=True)
    assert asked == [1]
    assert record.models[0].ceiling
