"""The published JSON Schema of records: it is one, what bench writes fits it, and so do old records."""

import copy
import json

import jsonschema
import numpy as np
import onnx.parser
import pytest

from edgekit.latency.fitting import misfit
from edgekit.latency.notes import Note
from edgekit.latency.record import SCHEMA, Entry, Record, json_schema
from edgekit.latency.samples import Samples

VALIDATOR = jsonschema.Draft202012Validator(json_schema())
OLD = {
    "schema": 1,
    "created": "2026-11-20T10:00:00+00:00",
    "machine": {"cpu": "a processor", "cores": 2, "governor": None, "gpus": []},
    "versions": {"edgekit": "0.1.0", "onnxruntime": None},
    "settings": {"scenario": "single-stream", "seconds": 5.0, "min_samples": 64, "seed": 0},
    "models": [
        {
            "name": "student", "file": "s.onnx", "sha256": "ab" * 32, "bytes": 1234, "device": "cpu", "threads": 1,
            "batch": 1, "inputs": {"x": "float32[1,4]"}, "settled": True, "times_ns": [10, 12], "rounds": [0, 0],
            "summary": {"p50_us": 0.011, "p50_low_us": 0.01, "p50_high_us": 0.012, "p90_us": None, "n": 2},
        }
    ],
    "notes": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """A record that bench wrote, as JSON."""
    from edgekit.measuring.benching import bench

    folder = tmp_path_factory.mktemp("bench")
    path = folder / "m.onnx"
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }'
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    bench({"m": path, "mine": lambda: None}, seconds=0.05, costs=False, output=folder / "record.json")
    return json.loads((folder / "record.json").read_text())


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["properties"]["schema"]["enum"][-1] == SCHEMA


def test_what_bench_writes_fits(said):
    VALIDATOR.validate(said)
    assert [model["kind"] for model in said["models"]] == ["onnx", "callable"]


def test_every_key_of_a_record_is_described(said):
    found = json_schema()
    assert set(said) <= set(found["properties"])
    assert set(said["models"][0]) <= set(found["$defs"]["entry"]["properties"])
    assert set(said["settings"]) <= set(found["properties"]["settings"]["properties"])
    assert set(said["machine"]) <= set(found["$defs"]["machine"]["properties"])


def test_a_record_with_everything_fits():
    samples = Samples("m", np.array([5, 6]), np.array([0, 1]), False, np.array([0, 1]), 9)
    entry = Entry(
        "m", "torch", None, None, None, "cuda:1", 0, 8, "int8+fp32", {}, samples,
        costs={"load_cold_ms": 1.5, "load_warm_ms": 1, "dropped": True, "peak_bytes": None, "energy_mj": 0.5},
        placement={"cuda": 3}, options={"CUDAExecutionProvider": {"device_id": "1"}},
        notes=[Note.of("nan-outputs", "m answers NaN")],
    )  # fmt: skip
    record = Record("2026-11-22", {}, {}, {}, [entry], [Note.of("failed", "other: why")])
    VALIDATOR.validate(json.loads(json.dumps(record.to_dict())))


def test_an_old_record_fits_and_is_read(tmp_path):
    VALIDATOR.validate(OLD)
    (tmp_path / "old.json").write_text(json.dumps(OLD))
    assert len(Record.read(tmp_path / "old.json").models[0].samples) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said.pop("machine"),
        lambda said: said.update(schema=3),
        lambda said: said["models"][0].update(times_ns=[]),
        lambda said: said["models"][0].update(times_ns=[-1]),
        lambda said: said["models"][0].update(sha256="short"),
        lambda said: said["models"][0].pop("bursts"),
        lambda said: said["models"][0].update(bursts=[[0, 0]]),
        lambda said: said["notes"].append({"kind": "busy-machine"}),
    ],
    ids=["no machine", "newer", "no times", "before time", "no hash", "no bursts", "half a burst", "half a note"],
)
def test_what_is_no_record_does_not_fit(said, spoil):
    other = copy.deepcopy(said)
    spoil(other)
    assert not VALIDATOR.is_valid(other)


def test_what_ceilings_and_profiles_say_is_described(tmp_path, monkeypatch):
    """Of a record with everything that bench finds every key is known, and each that is of the wrong kind is found."""
    from edgekit.measuring import ceilings, limits

    monkeypatch.setenv("EDGEKIT_HOME", str(tmp_path))
    estimate = {"value": 5.0, "low": 4.0, "high": 6.0}
    rates = dict.fromkeys(("fp32_gflops", "int8_gops", "bandwidth_gbs", "empty_run_us", "node_us"), estimate)
    machine = {"schema": 1, "threads": 1, "runtime": "onnxruntime", "busy": False, "measured": "2030", "kept": False}
    measured = {**machine, **rates, "bandwidths": [{"bytes": 1024, **estimate}]}
    monkeypatch.setattr(ceilings, "known", lambda threads, fresh: measured)
    monkeypatch.setattr(limits.profile, "SECONDS", 0.01)
    path = tmp_path / "m.onnx"
    text = '<ir_version: 8, opset_import: ["": 17]> g (float[N,4] x) => (float[N,4] y) { y = MatMul(x, w) }'
    text = text.replace("=> (float[N,4] y)", "=> (float[N,4] y) <float[4,4] w = {" + "1," * 15 + "1}>")
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    from edgekit.measuring.benching import bench

    bench({"m": path}, seconds=0.05, costs=False, ceilings=True, profile=True, output=tmp_path / "record.json")
    said = json.loads((tmp_path / "record.json").read_text())
    VALIDATOR.validate(said)
    assert misfit(said, json_schema()) is None
    (model,), found = said["models"], json_schema()["$defs"]
    assert set(said["ceilings"]["1"]) <= set(found["limits"]["properties"])
    assert set(model["ceiling"]) == set(found["ceiling"]["properties"])
    assert set(model["profile"]) == set(found["profile"]["properties"])
    assert set(model["profile"]["nodes"][0]) == set(found["part"]["properties"]) | {"name", "label"}
    for part, key in ((model["profile"], "work"), (model["profile"]["nodes"][0], "us"), (model["ceiling"], "bound")):
        right, part[key] = part[key], {"x": "y"}
        assert not VALIDATOR.is_valid(said) and misfit(said, json_schema())
        part[key] = right
