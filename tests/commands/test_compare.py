import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgekit import cli
from edgekit.latency.notes import Note
from edgekit.latency.record import Entry, Record
from edgekit.latency.samples import Samples

MACHINE = {"cpu": "a processor", "cores": 2, "usable_cores": 2.0}
BUSY = Note.of("busy-machine", "9 programs wanted the 2 cores")


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return what writes NAME.json, a record of models that always take so many µs; returns its name."""
    monkeypatch.chdir(tmp_path)

    def make(name, machine=MACHINE, notes=(), sha256=None, **models):
        entries = []
        for model, us in models.items():
            samples = Samples(model, np.full(700, round(us * 1000)), np.arange(700), True, np.arange(700) % 10)
            file = (f"{model}.onnx", sha256 or model, 98_700_000)
            entries.append(Entry(f"{model}.onnx", "onnx", *file, "cpu", 1, 1, "fp32", {"x": "float32[1,4]"}, samples))
        Record(
            "2030-01-02T03:04:05+00:00", machine, {"onnxruntime": "1.32.0"}, {"seconds": 5.0}, entries, list(notes)
        ).write(Path(f"{name}.json"))
        return f"{name}.json"

    return make


def rows(text):
    """Return the lines of a table's rows, blanks made one."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_model_stands_beside_itself_in_the_baseline(write, capsys):
    records = [write("monday", teacher=200, student=50), write("today", teacher=200, student=100)]
    assert cli.run(["compare", *records]) == 0
    lines = rows(capsys.readouterr().out)
    assert "monday: 2030-01-02 03:04 UTC; a processor, 2 cores; onnxruntime 1.32.0" in lines
    assert any(line.startswith("teacher.onnx today 200 [200, 200] 200 200 1.00×") for line in lines)
    place = next(
        at for at, line in enumerate(lines) if line.startswith("student.onnx today 100 [100, 100] 100 100 0.50×")
    )
    assert lines[place + 1] == "slower" and lines[place - 1].startswith("student.onnx monday")
    assert any(line.startswith("note, today: not timed side by side with monday") for line in lines)


def test_a_single_record_is_told_as_bench_tells_it(write, capsys):
    assert cli.run(["compare", write("monday", notes=[BUSY], teacher=200, student=50)]) == 0
    out = capsys.readouterr().out
    assert "a ratio is that of the fastest tenth of every burst" in out
    assert "4.00× [4.00, 4.00]" in out and "over the first" in out and "note: 9 programs wanted" in out


def bearing(name, rate):
    """Write NAME.json, a record of a model that was found to bear so many samples a second in batches of 32."""
    samples = Samples("model.onnx", np.full(700, 50_000), np.arange(700))
    load = {"batch": 32, "samples_per_second": rate, "low": 0.98 * rate, "high": 1.02 * rate, "n": 700, "chosen": True}
    entry = Entry(
        "model.onnx", "onnx", "model.onnx", None, None, "cpu", 1, 32, "fp32", {}, samples, "offline", [load]
    )  # fmt: skip
    settings = {"scenario": "offline", "through": "session"}
    Record("2030-01-02T03:04:05+00:00", MACHINE, {}, settings, [entry], []).write(Path(f"{name}.json"))
    return f"{name}.json"


def test_a_single_record_of_loads_shows_them(write, capsys):
    assert cli.run(["compare", bearing("a", 40_722)]) == 0
    assert "40,722 samples a second in batches of 32, through its session" in capsys.readouterr().out


def test_a_table_of_loads_fits_100_columns(write, capsys):
    assert cli.run(["compare", write("a", **{"model": 50}), bearing("b", 40_722)]) == 0
    out = capsys.readouterr().out.splitlines()
    table = out[2 : next(place for place, line in enumerate(out) if line.startswith("note"))]
    assert any("40,722 [39,908, 41,536]" in line for line in table) and max(map(len, table)) <= 100


def test_what_must_not_be_compared_is_marked(write, capsys):
    assert cli.run(["compare", write("a", m=50), write("b", sha256="other", m=40)]) == 0
    out = capsys.readouterr().out
    assert "another file" in out and "faster" not in out
    assert 'note, b: "m.onnx" is another file than in a (sha256 other, there m): time both side by side' in out


def test_the_table_fits_100_columns(write, capsys):
    long = {f"a_model_with_a_very_long_name_{number}": 9_912_345.678 for number in range(2)}
    records = [write(f"20261122-203605-12345{number}", **long) for number in range(2)]
    assert cli.run(["compare", *records]) == 0
    table = [line.rstrip() for line in capsys.readouterr().out.splitlines() if "…" in line or "×" in line]
    assert len(table) >= 4 and max(map(len, table)) <= 100


def test_json_is_the_last_line_and_holds_no_raw_times(write, capsys):
    records = [write("a", m=50, n=9), write("b", m=100)]
    assert cli.run(["compare", *records, "--gate", "5%", "--json"]) == 3
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["baseline"] == "a" and set(told["records"]) == {"a", "b"}
    assert told["records"]["b"]["file"] == "b.json"
    assert [note["kind"] for note in told["records"]["b"]["notes"]] == ["other-moment", "unmatched"]
    first, second, third = told["rows"]
    assert (first["record"], second["record"], third["name"]) == ("a", "b", "n.onnx")
    assert first["over_baseline"] is None and second["over_baseline"]["verdict"] == "slower"
    assert third["over_first"]["verdict"] == "faster"
    assert "times_ns" not in second and second["summary"]["p99_us"] == 100
    assert told["gate"]["limit"] == 0.05 and len(told["gate"]["missed"]) == 2


@pytest.mark.parametrize(
    ("us", "more", "code", "told"),
    [
        (50, [], 0, None),
        (51, [], 0, None),
        (60, [], 3, '"m.onnx" in new takes 1.20× [1.15, 1.25] as long'),
        (60, ["--gate", "30%"], 0, None),
        (30, [], 0, None),
    ],
    ids=["the same", "hardly slower", "slower", "less than the gate", "faster"],
)
def test_a_gate_ends_with_3_on_a_regression(write, capsys, us, more, code, told):
    assert cli.run(["compare", write("old", m=50), write("new", m=us), "--gate", "5%", *more]) == code
    assert told is None or told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ({"n": 50}, '"m.onnx" of old is not in new'),
        ({"m": 50, "sha256": "other"}, "is another file than in old"),
        ({"m": 50, "machine": MACHINE | {"cpu": "another"}}, "another machine than that of old"),
    ],
    ids=["missing", "another file", "another machine"],
)
def test_a_gate_that_cannot_be_told_fails_unless_allowed(write, capsys, new, told):
    records = [write("old", m=50), write("new", **new)]
    assert cli.run(["compare", *records, "--gate", "5"]) == 3
    assert told in capsys.readouterr().err
    assert cli.run(["compare", *records, "--gate", "5", "--allow-missing"]) == 0


def test_a_damaged_record_is_named_and_the_others_are_not_lost(write, capsys):
    records = [write("a", m=50), write("b", m=50)]
    Path("torn.json").write_text('{"schema": 2, "mod')
    Path("newer.json").write_text('{"schema": 99}')
    assert cli.run(["compare", records[0], "torn.json", records[1], "newer.json"]) == 1
    printed = capsys.readouterr()
    assert 'the record "torn.json" cannot be read' in printed.err
    assert 'the record "newer.json" has schema 99' in printed.err
    assert "error: 2 of 4 records could not be read" in printed.err
    assert "m.onnx" in printed.out and "no clear difference" in printed.out


def test_without_its_baseline_nothing_is_compared(write, capsys):
    Path("torn.json").write_text("{")
    assert cli.run(["compare", "torn.json", write("b", m=50)]) == 1
    printed = capsys.readouterr()
    assert "torn.json" in printed.err and "there is nothing to compare with" in printed.err and printed.out == ""


def test_a_record_that_holds_no_time_is_told(write, capsys):
    assert cli.run(["compare", write("empty")]) == 1
    assert 'the record "empty.json" holds no times' in capsys.readouterr().err


def test_a_record_of_schema_1_is_still_read(write, capsys):
    write("old", m=50)
    said = json.loads(Path("old.json").read_text())
    (model,) = said["models"]
    said["schema"] = 1
    said["models"] = [
        {key: model[key] for key in ("name", "file", "sha256", "bytes", "device", "threads", "batch", "inputs")}
        | {"summary": model["summary"]}
        | {"settled": True, "times_ns": model["times_ns"], "rounds": list(range(700))}
    ]
    Path("old.json").write_text(json.dumps(said))
    assert cli.run(["compare", "old.json", write("new", m=52)]) == 0
    assert "no clear difference" in capsys.readouterr().out


def test_a_baseline_is_found_by_its_name_or_as_a_file(write, capsys):
    Path("bench/baselines").mkdir(parents=True)
    write("bench/baselines/ci", m=100)
    new = write("new", m=50)
    for baseline in ("ci", "bench/baselines/ci.json"):
        assert cli.run(["compare", new, "--baseline", baseline]) == 0
        assert "over ci" in capsys.readouterr().out
    assert cli.run(["compare", new, "--baseline", "cj"]) == 1
    assert 'there is no baseline "cj"' in (err := capsys.readouterr().err) and 'did you mean "ci"?' in err


def test_records_of_one_name_are_told_apart(write, capsys):
    for folder in ("x", "y"):
        Path(folder).mkdir()
        write(f"{folder}/r", m=50)
    assert cli.run(["compare", "x/r.json", "y/r.json", "y/r.json"]) == 0
    out = capsys.readouterr().out
    assert "x/r:" in out and "y/r:" in out and "y/r #2:" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--gate", "much"], 'the gate "much" is no share'),
        (["--page", "page.pdf"], 'the page is named "page.pdf"'),
        (["--png", "picture.html"], 'the picture is named "picture.html"'),
    ],
    ids=["gate", "page", "picture"],
)
def test_wrong_usage_is_told_before_anything_is_read(write, capsys, arguments, told):
    assert cli.run(["compare", "gone.json", *arguments]) == 2
    err = capsys.readouterr().err
    assert told in err and "hint: " in err


def test_a_page_and_a_picture_are_written(write, capsys):
    records = [write("a", m=50), write("b", m=100)]
    assert cli.run(["compare", *records, "--page", "out/page.html", "--png", "picture.png"]) == 0
    assert "page: out/page.html" in capsys.readouterr().out
    assert "<!doctype html>" in Path("out/page.html").read_text()
    assert Path("picture.png").read_bytes().startswith(b"\x89PNG")


def test_neither_a_runtime_nor_torch_is_loaded(write):
    records = [write("a", m=50), write("b", m=100)]
    code = (
        "import sys; from edgekit.cli import run; "
        f"assert run(['compare', {records[0]!r}, {records[1]!r}, '--page', 'page.html']) == 0; "
        "print(*sorted({'onnxruntime', 'onnx', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize(
    ("key", "value"),
    [("created", None), ("machine", []), ("versions", None), ("models", "m"), ("notes", [7])],
    ids=lambda value: str(value),
)
def test_a_record_of_the_wrong_shape_is_damaged_and_no_bug(write, capsys, key, value):
    write("odd", m=50)
    Path("odd.json").write_text(json.dumps(json.loads(Path("odd.json").read_text()) | {key: value}))
    assert cli.run(["compare", write("good", m=50), "odd.json"]) == 1
    assert 'the record "odd.json" is damaged' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value"),
    [("name", None), ("device", 7), ("batch", "x"), ("inputs", {"x": 4}), ("loads", [None]), ("profile", "x")],
    ids=lambda value: str(value),
)
def test_a_model_of_the_wrong_shape_is_damaged_and_no_bug(write, capsys, key, value):
    write("odd", m=50)
    said = json.loads(Path("odd.json").read_text())
    said["models"][0][key] = value
    Path("odd.json").write_text(json.dumps(said))
    assert cli.run(["compare", write("good", m=50), "odd.json"]) == 1
    assert 'the record "odd.json" is damaged' in capsys.readouterr().err
