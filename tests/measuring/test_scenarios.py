import dataclasses

import numpy as np
import onnx.parser
import pytest

from edgekit import hardware
from edgekit.errors import UsageError
from edgekit.latency.record import Record
from edgekit.measuring.cells import Asked, lay_out
from edgekit.measuring.scenarios import Scenario
from edgekit.measuring.subjects import of_call, of_onnx

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[{batch},4] x) => (float[{batch},4] y) {{ y = Relu(x) }}"""


@pytest.fixture
def cells(tmp_path):
    def make(batch="N", size=None):
        path = tmp_path / "relu.onnx"
        path.write_bytes(onnx.parser.parse_model(TEXT.format(batch=batch)).SerializeToString())
        found, _ = lay_out([of_onnx("relu", path)], Asked(batches=[size]))
        return found

    return make


@pytest.mark.parametrize("through", ["session", "batcher"])
def test_server_finds_a_rate_and_keeps_every_latency(cells, tmp_path, through):
    path = tmp_path / "record.json"
    seen = []
    scenario = Scenario(cells(), path, "server", 1, through, bound_ms=200)
    record = scenario.measure(lambda left, note: seen.append(note))
    (entry,) = record.models
    assert entry.scenario == "server" and record.settings["p99_bound_ms"] == 200
    assert all({"rate", "n", "p50_us", "p99_us", "overruns", "held", "chosen"} <= set(load) for load in entry.loads)
    assert all(len(load["times_ns"]) == load["n"] for load in entry.loads)
    chosen = [load for load in entry.loads if load["chosen"]]
    if chosen:  # on a very busy machine none may hold twice
        assert entry.samples.times_ns.tolist() == chosen[0]["times_ns"] and chosen[0]["p99_us"] < 200_000
    assert seen and "a second" in seen[0]
    assert Record.read(path).to_dict() == record.to_dict()


@pytest.mark.parametrize("through", ["session", "batcher"])
def test_multi_stream_times_queries_of_so_many_samples(cells, tmp_path, through):
    record = Scenario(cells(size=8), tmp_path / "r.json", "multi-stream", 0.2, through).measure()
    (entry,) = record.models
    assert (entry.scenario, entry.batch, entry.inputs) == ("multi-stream", 8, {"x": "float32[8,4]"})
    assert len(entry.samples) >= 662 and entry.samples.percentile(99)


@pytest.mark.parametrize("through", ["session", "batcher"])
def test_offline_tells_the_throughput_of_every_batch(cells, tmp_path, through):
    record = Scenario(cells(), tmp_path / "r.json", "offline", 0.5, through).measure()
    (entry,) = record.models
    assert [load["batch"] for load in entry.loads[:2]] == [1, 2]
    (chosen,) = [load for load in entry.loads if load["chosen"]]
    assert entry.samples.times_ns.tolist() == chosen["times_ns"]
    assert chosen["low"] <= chosen["samples_per_second"] <= chosen["high"]
    if through == "session":
        assert entry.batch == chosen["batch"] and entry.inputs == {"x": f"float32[{entry.batch},4]"}


def test_a_fixed_batch_is_the_only_one_that_is_tried(cells, tmp_path):
    (entry,) = Scenario(cells(batch=3, size=3), tmp_path / "r.json", "offline", 0.2).measure().models
    assert [load["batch"] for load in entry.loads] == [3]
    assert entry.loads[0]["samples_per_second"] == pytest.approx(3e6 / entry.samples.p50)


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (4, 2), (5.5, 2), (0.5, 1)])
def test_so_many_queries_are_answered_at_once_as_there_are_cores_for(tmp_path, monkeypatch, cores, workers):
    cells, _ = lay_out([of_call("nothing", lambda: None)], Asked())
    (cell,) = [dataclasses.replace(cell, threads=2) for cell in cells]
    monkeypatch.setattr(hardware, "usable_cores", lambda: cores)
    system, count = Scenario([cell], tmp_path / "r.json", "server", 2, bound_ms=1)._system(cell)
    system.close()
    assert count == workers


def test_any_callable_can_be_served(tmp_path):
    cells, _ = lay_out([of_call("nothing", lambda: None)], Asked())
    (entry,) = Scenario(cells, tmp_path / "r.json", "server", 0.7, bound_ms=500).measure().models
    assert entry.kind == "callable" and entry.loads


def test_a_batcher_refuses_a_fixed_batch(cells, tmp_path):
    with pytest.raises(UsageError, match='"relu": a Batcher needs one dynamic first dimension'):
        Scenario(cells(batch=3, size=3), tmp_path / "r.json", "server", 2, "batcher", bound_ms=50).measure()


def test_a_batcher_takes_onnx_models_alone(tmp_path):
    cells, _ = lay_out([of_call("f", lambda: None)], Asked())
    with pytest.raises(UsageError, match='"f" is no ONNX model'):
        Scenario(cells, tmp_path / "r.json", "server", 2, "batcher", bound_ms=50).measure()


def test_too_few_seconds_for_p99_are_an_error_that_says_how_many(tmp_path):
    import time

    cells, _ = lay_out([of_call("slow", lambda: time.sleep(0.02) or np.zeros(1))], Asked())
    with pytest.raises(UsageError, match="the 662 queries that p99 needs take") as raised:
        Scenario(cells, tmp_path / "r.json", "server", 1, bound_ms=500).measure()
    assert raised.value.hint.startswith("--seconds ")
    assert not (tmp_path / "r.json").exists()
