import json

import numpy as np
import onnx.parser
import pytest

from edgekit import cli
from edgekit.latency.record import Record
from edgekit.measuring import journal

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""
TOKENS = """<ir_version: 8, opset_import: ["": 17]>
tiny (int64[N,T] ids) => (float[N,T,2] y) <float[3,2] table = {1, 2, 3, 4, 5, 6}> { y = Gather(table, ids) }"""
SHORT = ["--seconds", "0.05", "--no-costs", "--no-ceilings"]


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def save(name, text=TEXT):
        (tmp_path / name).write_bytes(onnx.parser.parse_model(text).SerializeToString())
        return tmp_path / name

    return save


@pytest.fixture
def model(write):
    return write("relu.onnx")


CHAIN = " ".join(f"x{index + 1} = Sin(x{index})" for index in range(40))
SLOW = f"""<ir_version: 8, opset_import: ["": 17]> slow (float[N,4] x) => (float[N,M] y) {{
    many = Constant <value_ints = [1, 5000]> () x0 = Tile(x, many) {CHAIN} y = Relu(x40) }}"""


def told(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_models_are_measured_and_the_record_is_written(model, capsys):
    assert cli.run(["bench", str(model), str(model), *SHORT[:2], "--no-ceilings", "--output", "out/record.json"]) == 0
    out = capsys.readouterr().out
    assert "relu.onnx #2" in out and "[" in out and "record: out/record.json" in out
    assert " load " in out and " memory" in out
    assert [entry.name for entry in Record.read(model.parent / "out" / "record.json").models] == [
        "relu.onnx", "relu.onnx #2",
    ]  # fmt: skip


def test_without_output_every_record_is_a_new_one(model, tmp_path):
    for _ in range(2):
        assert cli.run(["bench", str(model), *SHORT]) == 0
    assert len(list((tmp_path / "runs" / "bench").iterdir())) == 2


def test_json_is_the_last_line_and_holds_figures_but_no_raw_times(model, capsys):
    assert cli.run(["bench", str(model), str(model), *SHORT, "--json"]) == 0
    printed = capsys.readouterr()
    said = json.loads(printed.out.splitlines()[-1])
    first, second = said["models"]
    assert first["speedup"] is None
    assert second["speedup"]["over"] == 0
    assert second["speedup"]["verdict"] in ("faster", "slower", "no clear difference")
    assert {"p50_us", "p50_low_us", "p50_high_us", "p90_us", "p99_us", "n"} == set(first["summary"])
    assert "times_ns" not in first and said["machine"]["cpu"] and "measuring 2 models, for 0.1 s" in printed.err
    assert first["costs"] is None and said["gate"] is None


def test_every_value_meets_every_other(model, capsys):
    assert cli.run(["bench", str(model), "--threads", "1,2", "--batch", "1", "--batch", "3", *SHORT, "--json"]) == 0
    found = [(entry["threads"], entry["batch"], entry["inputs"]["x"]) for entry in told(capsys)["models"]]
    assert found == [(threads, batch, f"float32[{batch},4]") for threads in (1, 2) for batch in (1, 3)]


def test_the_matrix_has_every_two(model, capsys):
    assert cli.run(["bench", str(model), "--batch", "1,2,3", *SHORT, "--json"]) == 0
    pairs = told(capsys)["ratios"]
    assert [(pair["model"], pair["over"]) for pair in pairs] == [(1, 0), (2, 0), (2, 1)]
    assert {"ratio", "low", "high", "verdict"} <= set(pairs[0])


def test_a_dry_run_says_what_and_how_long_and_writes_nothing(model, tmp_path, capsys):
    assert cli.run(["bench", str(model), "--batch", "1,2", *SHORT[2:], "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert (
        "relu.onnx, batch 2: x float32[2,4]" in out
        and "would take 6.0 s on cpu with 1 thread, and write runs/bench/" in out
    )
    assert not (tmp_path / "runs").exists()
    assert cli.run(["bench", str(model), "--dry-run", "--json"]) == 0
    assert told(capsys)["cells"] == [{"label": "relu.onnx", "inputs": {"x": "float32[1,4]"}}]


def test_sizes_of_a_dimension_are_a_setting_too(write, capsys):
    path = write("tokens.onnx", TOKENS)
    assert cli.run(["bench", str(path), "--shape", "T=4,8", *SHORT]) == 0
    out = capsys.readouterr().out
    assert "sizes" in out and " 1,4 " in out and " 1,8 " in out


def test_arrays_and_ranges_are_fed(write, tmp_path, capsys):
    path = write("tokens.onnx", TOKENS)
    np.save(tmp_path / "ids.npy", np.array([[2, 1, 0], [1, 1, 1]]))
    assert cli.run(["bench", str(path), "--input", "ids=ids.npy", "--batch", "2", *SHORT, "--json"]) == 0
    assert told(capsys)["models"][0]["inputs"] == {"ids": "int64[2,3]"}
    assert cli.run(["bench", str(path), "--shape", "T=3", "--range", "ids=5..9", *SHORT]) == 1
    assert "idx=" in capsys.readouterr().err


def test_a_gate_ends_with_3_where_a_model_is_clearly_slower(write, model, capsys):
    slow = str(write("slow.onnx", SLOW))
    run = ["bench", str(model), slow, "--seconds", "0.5", "--no-costs", "--no-ceilings"]
    assert cli.run([*run, "--gate", "5%", "--json"]) == 3
    printed = capsys.readouterr()
    assert json.loads(printed.out.splitlines()[-1])["gate"] == {"limit": 0.05, "missed": ["slow.onnx"]}
    assert "clearly slower by more than 5%: slow.onnx" in printed.err
    assert cli.run([*run, "--gate", "5%", "--versus", "slow.onnx"]) == 0


def test_what_is_compared_with_can_be_named(model, write, capsys):
    other = str(write("other.onnx"))
    assert cli.run(["bench", str(model), other, "--versus", "other.onnx", *SHORT, "--json"]) == 0
    first, second = told(capsys)["models"]
    assert (first["name"], first["speedup"], second["speedup"]["over"]) == ("other.onnx", None, 0)
    assert cli.run(["bench", str(model), other, "--versus", "othr.onnx", *SHORT]) == 2
    assert 'hint: did you mean "other.onnx"?' in capsys.readouterr().err
    assert cli.run(["bench", str(model), other, "--versus", other, *SHORT, "--json"]) == 0
    assert told(capsys)["models"][0]["name"] == "other.onnx"


@pytest.fixture
def cut_off(model, monkeypatch, capsys):
    """Begin a measurement that is interrupted before its first time is taken; return what it said."""

    def interrupt(self, **found):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(journal.Journal, "add", interrupt)
        assert cli.run(["bench", str(model), *SHORT, "--output", "r.json"]) != 0
    return capsys.readouterr().err


def test_a_measurement_that_was_cut_off_goes_on_by_its_record_alone(cut_off, tmp_path, capsys):
    assert "0 of 1 parts are kept; to go on: edgekit bench --resume r.json" in cut_off
    assert not (tmp_path / "r.json").exists()
    assert cli.run(["bench", "--resume", "r.json"]) == 0
    assert "going on with what was cut off: 0 of 1 parts were measured" in capsys.readouterr().err
    assert (tmp_path / "r.json").exists() and not (tmp_path / "r.part.jsonl").exists()
    assert cli.run(["bench", "--resume", "r.json"]) == 2
    assert 'there is nothing to go on with: "r.json" is finished' in capsys.readouterr().err


def test_the_same_command_goes_on_and_another_is_refused(cut_off, model, capsys):
    assert cli.run(["bench", str(model), *SHORT, "--batch", "2", "--output", "r.json"]) == 2
    assert '"r.part.jsonl" holds what was measured with other settings' in capsys.readouterr().err
    assert cli.run(["bench", str(model), *SHORT, "--output", "r.json"]) == 0


def test_a_model_that_changed_since_is_not_gone_on_with(cut_off, write, capsys):
    write("relu.onnx", TEXT.replace("Relu", "Sigmoid"))
    assert cli.run(["bench", "--resume", "r.json"]) == 2
    assert '"r.part.jsonl" holds what was measured with other models' in capsys.readouterr().err


def test_functions_and_networks_stand_in_the_same_table(model, tmp_path, capsys):
    (tmp_path / "mine_to_time.py").write_text("def nothing(): pass\ndef twice(x): return 2 * x\n")
    (tmp_path / "net.py").write_text("from torch import nn\ndef build(width=2): return nn.Linear(4, width)\n")
    words = [str(model), "torch:net.py?width=8", "call:mine_to_time:nothing", "call:mine_to_time:twice"]
    assert cli.run(["bench", *words, *SHORT, "--json"]) == 0
    found = told(capsys)["models"]
    assert [(entry["name"], entry["kind"], entry["device"]) for entry in found] == [
        ("relu.onnx", "onnx", "cpu"), ("torch:net.py?width=8", "torch", "cpu"),
        ("call:mine_to_time:nothing", "callable", "own"), ("call:mine_to_time:twice", "callable", "own"),
    ]  # fmt: skip
    assert found[1]["inputs"] == found[3]["inputs"] == {"x": "float32[1,4]"} and found[2]["inputs"] == {}
    assert found[1]["options"] == {"torch": {"inference_mode": "1", "compile": "0", "threads": "1"}}


def test_the_schema_of_records_is_printed(capsys):
    assert cli.run(["bench", "--schema"]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) > 50
    assert cli.run(["bench", "--schema", "--json"]) == 0
    assert told(capsys) == json.loads(shown)


@pytest.mark.parametrize(
    ("arguments", "complaint", "code"),
    [
        (["gone.onnx"], 'there is no "gone.onnx"', 1),
        (["relu.onnx", "--device", "tpu"], 'there is no device "tpu"', 1),
        (["relu.onnx", "--shape", "x"], 'error: --shape "x" is no shape', 1),
        (["relu.onnx", "--input", "x=gone.npy"], 'there is no file "gone.npy"', 1),
        (["relu.onnx", "--threads", "0"], '--threads "0" is no positive whole number', 2),
        (["relu.onnx", "--batch", "1,x"], '--batch "x" is no positive whole number', 2),
        (["relu.onnx", "--output", "."], '"." is a folder', 2),
        (["relu.onnx", "--page", "relu.onnx/p.html"], '"relu.onnx/p.html" cannot be written', 2),
        (["relu.onnx", "--range", "x=0-9"], "write it as --range NAME=1..128", 2),
        (["relu.onnx", "--gate", "much"], 'the gate "much" is no share', 2),
        (["relu.onnx", "--resume", "r.json"], "--resume knows its models and settings", 2),
        (["--resume", "r.json", "--threads", "2"], "--resume knows its models and settings", 2),
        (["--resume", "r.json"], '"r.json" was never begun', 2),
        ([], "no model was named", 2),
        (["call:json:nothing"], '"json" has no "nothing"', 1),
    ],
    ids=[
        "no file", "no device", "no shape", "no array", "no threads", "no batch", "a folder", "no folder", "no range",
        "no gate", "both", "a setting",
        "no journal", "nothing", "no function",
    ],
)  # fmt: skip
def test_bad_input_is_one_error_and_a_hint(model, capsys, arguments, complaint, code):
    assert cli.run(["bench", *arguments]) == code
    err = capsys.readouterr().err
    assert complaint in err and "Traceback" not in err and ("hint: " in err or "gone.npy" in err or "json" in err)


def test_a_dimension_without_a_size_says_how_to_give_one(write, capsys):
    assert cli.run(["bench", str(write("tokens.onnx", TOKENS))]) == 1
    assert "hint: give it one, such as --shape T=128" in capsys.readouterr().err
