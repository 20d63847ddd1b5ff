"""The published JSON Schema of records: it is one, what bench writes fits it, and so do old records."""

import copy
import json

import jsonschema
import numpy as np
import onnx.parser
import pytest

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
        placement={"cuda": 3}, options={"CUDAExecutionProvider": {"device_id": "1"}}, ceiling={}, profile={},
        notes=[Note.of("nan-outputs", "m answers NaN")],
    )  # fmt: skip
    record = Record("2026-11-22", {}, {}, {}, [entry], [Note.of("failed", "other: why")], ceilings={"threads": 1})
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
