import json
from pathlib import Path

import onnx.parser
import pytest

import edgekit
from edgekit import cli, files
from edgekit.manifest import FILE, MODEL, Manifest
from edgekit.measuring import turns
from edgekit.measuring.tuning import Tuning
from edgekit.signature import Tensor

TEXT = """<ir_version: 8, opset_import: ["": 17]>
tiny (float[N,4] x) => (float[N,4] y) { y = Relu(x) }"""


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / MODEL).write_bytes(onnx.parser.parse_model(TEXT).SerializeToString())
    said = {MODEL: {"sha256": files.sha256(folder / MODEL), "bytes": (folder / MODEL).stat().st_size}}
    tensors = [Tensor.parse(f"{name}: float32[N,4]") for name in "xy"]
    files.write_sealed(folder / FILE, Manifest("tiny", "features", tensors[:1], tensors[1:], files=said).to_dict())
    return folder


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(turns, "_TURN", 0.001)


def test_it_tells_what_was_tried_and_what_is_kept_and_load_uses_it(bundle, quick, capsys):
    assert cli.run(["tune", str(bundle), "--threads", "1", "--seconds", "2"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("tuning tiny at batch 1 for 2.0 s\n")
    assert max(map(len, out.splitlines()[:-2])) <= 100 or "note:" in out
    assert "no arena" in out and "over the default" in out
    assert ("the default is best here" in out) != ("kept: " in out)
    written = out.splitlines()[-1].removeprefix("written: ")
    assert Path(written).is_file() and "tuned: " in edgekit.load(bundle, threads=1).session.where()


def test_json_is_one_document_on_the_last_line(bundle, quick, capsys):
    assert cli.run(["tune", str(bundle), "--threads", "1", "--seconds", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert json.loads(Path(told.pop("file")).read_text("utf-8")) == told
    assert {"setting", "ort_config", "session_config_entries", "speedup", "trials", "notes"} <= set(told)


def test_a_dry_run_measures_and_writes_nothing(bundle, capsys):
    assert cli.run(["tune", str(bundle), "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("would try ")
    assert cli.run(["tune", str(bundle), "--dry-run", "--threads", "1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["changes"] == ["no optimized layout", "no arena", "no memory pattern", "basic optimization"]
    assert not Path(told["file"]).exists() and not (files.home() / "tuned").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--seconds", "0.1"], 2, "are too few to tune this model"),
        (["--device", "cuda"], 1, "tuning searches settings of the processor"),
        (["--batch", "0"], 2, "batch"),
        (["--shape", "z=1"], 1, "z"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_an_error_without_a_traceback(bundle, arguments, code, said, capsys):
    assert cli.run(["tune", str(bundle), *arguments]) == code
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err


def test_a_missing_or_bare_or_damaged_model_is_an_error(bundle, tmp_path, capsys):
    assert cli.run(["tune", str(tmp_path / "nothing")]) == 1
    assert cli.run(["tune", str(bundle / MODEL)]) == 1
    assert "is a bare file" in capsys.readouterr().err
    (bundle / MODEL).write_bytes(b"x" * (bundle / MODEL).stat().st_size)
    assert cli.run(["tune", str(bundle)]) == 1
    assert "was altered" in capsys.readouterr().err


def test_an_interrupted_search_writes_nothing_and_says_so(bundle, monkeypatch, capsys):
    def interrupt(self, seconds, tell):
        raise KeyboardInterrupt

    monkeypatch.setattr(Tuning, "run", interrupt)
    assert cli.run(["tune", str(bundle), "--threads", "1"]) == 130
    assert "nothing is written" in capsys.readouterr().err
    assert not (files.home() / "tuned").exists()
