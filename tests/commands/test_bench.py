import json

import numpy as np
import onnx.parser
import pytest

from edgekit import cli
from edgekit.commands import bench
from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "relu.onnx"
    path.write_bytes(onnx.parser.parse_model(TEXT).SerializeToString())
    return path


def made_up(**times):
    """Make a record of models whose every time is told."""
    entries = []
    for name, (nanoseconds, count) in times.items():
        samples = Samples(name.replace("__", "/"), np.full(count, nanoseconds), np.arange(count))
        said = (f"{name}.onnx", "00" * 32, 98_700_000, "cpu", 1, 1, "fp32", {"x": "float32[1,4]"})
        entries.append(Entry(samples.name, "onnx", *said, samples))
    return Record("2030-01-02T03:04:05+00:00", {}, {}, {}, entries, [Note.of("few-cores", "too many threads")])


def test_models_are_measured_and_the_record_is_written(model, capsys):
    assert cli.run(["bench", str(model), str(model), "--seconds", "0.05", "--output", "out/record.json"]) == 0
    out = capsys.readouterr().out
    assert "relu.onnx #2" in out and "[" in out and "record: out/record.json" in out
    assert [entry.name for entry in Record.read(model.parent / "out" / "record.json").models] == [
        "relu.onnx", "relu.onnx #2",
    ]  # fmt: skip


def test_without_output_every_record_is_a_new_one(model, tmp_path):
    for _ in range(2):
        assert cli.run(["bench", str(model), "--seconds", "0.01"]) == 0
    assert len(list((tmp_path / "runs" / "bench").glob("*.json"))) == 2


def test_json_is_the_last_line_and_holds_figures_but_no_raw_times(model, capsys):
    assert cli.run(["bench", str(model), str(model), "--seconds", "0.05", "--json"]) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out.splitlines()[-1])
    first, second = told["models"]
    assert first["speedup"] is None
    assert second["speedup"]["verdict"] in ("faster", "slower", "no clear difference")
    assert {"p50_us", "p50_low_us", "p50_high_us", "p90_us", "p99_us", "n"} == set(first["summary"])
    assert "times_ns" not in first and told["machine"]["cpu"] and "measuring 2 models" in printed.err


def test_a_dry_run_writes_nothing(model, tmp_path, capsys):
    assert cli.run(["bench", str(model), "--dry-run"]) == 0
    assert "would measure 1 model on cpu with 1 thread" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()
    assert cli.run(["bench", str(model), "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"] == {"relu.onnx": str(model)}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["gone.onnx"], 'there is no "gone.onnx"'),
        (["relu.onnx", "--device", "tpu"], 'there is no device "tpu"'),
        (["relu.onnx", "--shape", "x"], 'error: --shape "x" is no shape'),
    ],
    ids=["no file", "no device", "no shape"],
)
def test_bad_input_is_one_error_and_a_hint(model, capsys, arguments, complaint):
    assert cli.run(["bench", *arguments]) == 1
    err = capsys.readouterr().err
    assert complaint in err and "hint: " in err


def test_the_table_fits_100_columns(capsys):
    record = made_up(runs__digits__1a2b3c4d__bundle=(9_912_345, 700), other_model_with_a_long_name=(9_123_456, 123_456))
    bench.print_table(record)
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 100
    assert any("…its/1a2b3c4d/bundle" in line for line in lines)


def test_a_row_says_how_it_compares_with_the_first(capsys):
    bench.print_table(made_up(teacher=(200_000, 700), student=(100_000, 700), twin=(200_000, 700)))
    out = capsys.readouterr().out
    assert "2.00× [2.00, 2.00]" in out and "faster" in out
    assert "1.00× [1.00, 1.00]" in out and "no clear difference" in out
    assert "more: give it more" not in out


def test_a_percentile_of_too_few_samples_is_not_printed_but_what_it_lacks(capsys):
    bench.print_table(made_up(slow=(20_000_000, 70)))
    out = capsys.readouterr().out
    assert "p50 ms" in out and " - " in out
    assert "p99 needs 592 samples more" in out


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (["a/x.onnx"], ["x.onnx"]),
        (["a/x.onnx", "a/y.onnx"], ["x.onnx", "y.onnx"]),
        (["runs/digits/1/bundle", "runs/digits/2/bundle"], ["1/bundle", "2/bundle"]),
        (["a/x.onnx", "a/x.onnx", "b/x.onnx"], ["a/x.onnx", "a/x.onnx #2", "b/x.onnx"]),
        (["x.onnx", "./x.onnx"], ["x.onnx", "x.onnx #2"]),
        (["x.onnx", "a/x.onnx"], ["x.onnx", "a/x.onnx"]),
    ],
    ids=["one", "two files", "two runs", "a file again", "a file again, said otherwise", "one inside the other"],
)
def test_models_are_named_by_as_little_as_tells_them_apart(models, names):
    assert bench.short_names(models) == names
