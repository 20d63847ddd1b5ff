import json

import numpy as np
import pytest

from edgekit.errors import DataError
from edgekit.latency.notes import Note
from edgekit.latency.record import SCHEMA, Entry, Record
from edgekit.latency.samples import Samples


@pytest.fixture
def record():
    samples = Samples("student", np.arange(1000, 1100), np.arange(100) // 5)
    entry = Entry(
        "student", "onnx", "student.onnx", "ab" * 32, 1234, "cpu", 1, 1, "fp32", {"image": "uint8[1,8,8,1]"}, samples
    )  # fmt: skip
    return Record(
        created="2030-01-02T03:04:05+00:00",
        machine={"cpu": "a processor", "cores": 2},
        versions={"onnxruntime": "1.30.0"},
        settings={"scenario": "single-stream", "seconds": 5.0},
        models=[entry],
        notes=[Note.of("few-cores", "4 threads were asked for")],
    )


def test_a_record_comes_back_as_it_was_written(record, tmp_path):
    path = tmp_path / "new" / "record.json"
    record.write(path)
    read = Record.read(path)
    assert read.to_dict() == record.to_dict()
    assert read.models[0].samples.times_ns.tolist() == list(range(1000, 1100))
    assert read.models[0].samples.rounds.tolist() == (np.arange(100) // 5).tolist()
    assert [file.name for file in path.parent.iterdir()] == ["record.json"]


def test_a_raw_time_takes_no_line_of_its_own(record, tmp_path):
    record.write(tmp_path / "record.json")
    (line,) = (tmp_path / "record.json").read_text().splitlines()
    assert "1000,1001,1002" in line


def test_a_folder_is_no_record(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read: Is a directory$"):
        Record.read(tmp_path)


def test_a_record_holds_every_raw_time_and_says_what_it_is(record):
    said = record.to_dict()
    model = said["models"][0]
    assert said["schema"] == SCHEMA == 2
    assert model["name"] == "student" and model["sha256"] == "ab" * 32
    assert (model["device"], model["threads"], model["batch"]) == ("cpu", 1, 1)
    assert len(model["times_ns"]) == model["summary"]["n"] == 100 and model["bursts"][0] == [0, 0, 5]
    assert said["notes"][0]["kind"] == "few-cores" and said["notes"][0]["advice"]


def spoiled(said, change):
    change(said)
    return json.dumps(said)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda said: said.pop("schema"), 'has no "schema"'),
        (lambda said: said.update(schema=3), "schema 3; this edgekit reads up to 2"),
        (lambda said: said.pop("machine"), 'damaged: it has no "machine"'),
        (lambda said: said["models"][0].pop("times_ns"), "damaged"),
        (lambda said: said["models"][0]["bursts"].pop(), "100 times, but 95 round numbers"),
        (lambda said: said["models"][0].update(times_ns="many"), "damaged"),
        (lambda said: said.update(models=None), "damaged"),
        (lambda said: said["notes"].append({"kind": "x"}), "damaged"),
        (lambda said: said["models"][0].update(costs={"load_cold_ms": "soon"}), "models[0].costs.load_cold_ms is no"),
        (lambda said: said["models"][0].update(ceiling={"bound": "luck"}), 'models[0].ceiling has no "compute_share"'),
        (lambda said: said["models"][0].update(profile={"nodes": 3}), 'models[0].profile has no "operators"'),
        (lambda said: said["models"][0].update(loads=[{"n": 1, "chosen": True}]), 'models[0].loads[0] has no "rate"'),
        (lambda said: said.update(ceilings={"1": {}}), 'ceilings.1 has no "threads"'),
        (lambda said: said["machine"].update(cores="two"), "machine.cores is no integer"),
    ],
    ids=[
        "no schema",
        "newer",
        "no machine",
        "no times",
        "a round short",
        "times no list",
        "no models",
        "half a note",
        "costs",
        "ceiling",
        "profile",
        "loads",
        "ceilings",
        "machine",
    ],
)
def test_a_record_that_is_not_whole_is_refused_with_its_fault(record, tmp_path, change, complaint):
    path = tmp_path / "record.json"
    path.write_text(spoiled(record.to_dict(), change))
    with pytest.raises(DataError) as caught:
        Record.read(path)
    assert complaint in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", '{"schema": 1, "models": [', "\x00\x01"], ids=["empty", "cut off", "no text"])
def test_a_file_that_is_no_json_is_refused(tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(DataError, match="cannot be read"):
        Record.read(path)


def test_another_kind_of_json_is_refused(tmp_path):
    path = tmp_path / "list.json"
    path.write_text("[1, 2]")
    with pytest.raises(DataError, match="not a record"):
        Record.read(path)


def test_a_record_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no record") as caught:
        Record.read(tmp_path / "gone.json")
    assert "edgekit bench" in caught.value.hint


def test_a_record_of_schema_1_is_still_read(tmp_path):
    path = tmp_path / "old.json"
    old = {
        "name": "student", "file": "s.onnx", "sha256": "ab" * 32, "bytes": 1234, "device": "cpu", "threads": 1,
        "batch": 1, "inputs": {"x": "float32[1,4]"}, "settled": True, "times_ns": [10, 12, 11], "rounds": [0, 0, 1],
        "summary": {"p50_us": 0.011, "p50_low_us": 0.01, "p50_high_us": 0.012, "p90_us": None, "n": 3},
    }  # fmt: skip
    said = {"schema": 1, "created": "2030-01-02", "machine": {}, "versions": {}, "settings": {}, "notes": []}
    path.write_text(json.dumps(said | {"models": [old]}))
    (entry,) = Record.read(path).models
    assert entry.samples.times_ns.tolist() == [10, 12, 11] and entry.samples.rounds.tolist() == [0, 0, 1]
    assert entry.kind == "onnx" and entry.samples.copies.tolist() == [0, 0, 0]
