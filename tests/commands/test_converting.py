"""edgekit export of what is ONNX already."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

import edgekit
from edgekit import cli, files
from edgekit.commands import converting
from edgekit.exporting import bundle
from edgekit.manifest import Manifest
from edgekit.signature import Tensor
from edgekit.workflow.candidates import RECORD, WEIGHTS
from edgekit.workflow.running import RUN

GRAPH = """<ir_version: 10, opset_import: ["": 18]> g (float[N,32] x) => (float[N,32] logits)
{ [first] h = MatMul(x, w) [square] s = Mul(h, h) [last] logits = Tanh(s) }"""
X = np.random.default_rng(1).normal(size=(9, 32)).astype(np.float32)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with net.onnx and the bundle `net` in it."""
    made = onnx.parser.parse_model(GRAPH)
    weight = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    made.graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
    onnx.save(made, tmp_path / "net.onnx")
    card = Manifest(
        "digits", "classification", [Tensor.parse("x: float32[N,32]")], [Tensor.parse("logits: float32[N,32]")]
    )
    card.requires = {"onnxruntime": "1.20"}
    bundle.write(tmp_path / "net", tmp_path / "net.onnx", card, X)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]):
    def export(*words: str) -> tuple[int, str, str]:
        code = cli.run([*words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return export


def test_a_bundle_in_onnxruntimes_format_is_shown_timed_and_verified(run):
    code, out, _ = run("export", "net", "-o", "out", "--format", "ort")
    assert code == 0
    assert "proof     differs from digits by at most" in out
    assert "format    ort, with the operators a small build of onnxruntime needs beside it" in out
    code, out, _ = run("inspect", "out", "--json")
    found = json.loads(out)
    assert (code, found["intact"], found["graph"]["parameters"]) == (0, True, 1024)
    assert "differs from digits by at most" in run("inspect", "out")[1]
    assert run("verify", "net", "out")[0] == run("verify", "out", "net.onnx")[0] == 0
    assert run("bench", "net", "out", "--seconds", "0.05", "--no-ceilings", "--json")[0] == 0
    np.save("x.npy", X)
    assert run("predict", "out", "x.npy")[0] == 0


def test_a_bundle_in_onnxruntimes_format_that_differs_is_told_with_the_node(run, here):
    model = onnx.load(here / "net.onnx")
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(np.ones((32, 32), np.float32), "w"))
    onnx.save(model, here / "other.onnx")
    assert run("export", "net", "-o", "out", "--format", "ort")[0] == 0
    for pair in (("out", "other.onnx"), ("other.onnx", "out")):
        code, _, err = run("verify", *pair)
        assert code == 3
        assert 'it begins at MatMul "first"' in err


def test_what_stays_in_float32_is_printed_and_stands_in_the_manifest(run):
    np.savez("real.npz", x=100 * X, y=np.zeros(9, np.int64))
    code, out, _ = run("export", "net", "-o", "out", "--precision", "fp16", "--examples", "real.npz")
    assert code == 0
    assert 'in fp32   Mul "square": "s" reaches' in out
    assert "fp16      " in out
    assert "metric    accuracy" in out
    kept = Manifest.read("out").provenance["form"]["kept_fp32"]
    assert [each["node"] for each in kept] == ["square", "last"]
    code, out, _ = run("export", "net", "-o", "out", "--precision", "fp16", "--range", "x=0..1", "--json")
    said = json.loads(out)
    assert said["provenance"]["form"]["kept_fp32"] == []
    assert said["parity"]["with"] == "digits" and said["bundle"] == "out"


def test_a_dry_run_writes_nothing(run, here):
    before = sorted(path.name for path in here.iterdir())
    code, out, _ = run("export", "net", "-o", "out", "--format", "ort", "--dry-run")
    assert code == 0
    assert "output    logits: float32[N,32]" in out and "bundle    out would be written" in out
    code, out, _ = run("export", "net.onnx", "-o", "out", "--dry-run", "--json")
    assert json.loads(out)["cases"] == [{"N": 1}, {"N": 2}, {"N": 7}]
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_bare_file_becomes_a_bundle(run, here):
    (here / "labels.txt").write_text("\n".join(map(str, range(32))))
    words = ["--task", "classification", "--labels", "labels.txt", "--min-onnxruntime", "1.16"]
    assert run("export", "net.onnx", "-o", "out", *words)[0] == 0
    model = edgekit.load("out")
    assert model.predict(X[0]).label in model.labels
    assert model.manifest and model.manifest.requires == {"onnxruntime": "1.16", "opset": 18, "ir": 9}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["net"], 2, '"net" is an ONNX bundle already'),
        (["net", "--format", "tflite"], 2, 'there is no format "tflite"'),
        (["net", "--format", "ort", "--precision", "fp16"], 2, "choose one of --format ort and --precision fp16"),
        (["net", "--format", "ort", "--head", "softmax"], 2, '"net" is ONNX already, and takes no --head'),
        (["net", "--format", "ort", "--input", "x: float32[N,32]"], 2, "takes no --input"),
        (["net", "--format", "ort", "--weights", "w.pt"], 2, "takes no --weights"),
        (["net", "--format", "ort", "--min-onnxruntime", "1.18"], 2, "leave --min-onnxruntime out"),
        (["net", "--precision", "fp16", "--min-onnxruntime", "99"], 1, "is newer than this one"),
        (["net", "--precision", "fp16", "--range", "T=1..2"], 2, 'a range is given for "T"'),
        (["gone.onnx", "--format", "ort"], 1, '"gone.onnx"'),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_bad_input_is_told_in_a_line_and_leaves_nothing(run, here, words, code, said):
    before = sorted(path.name for path in here.iterdir())
    found, out, err = run("export", *words, "-o", "out")
    assert (found, out) == (code, "")
    assert said in err
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_run_stands_for_its_bundle_and_a_stage_of_a_graph_for_it_where_another_form_is_wanted(here):
    stage = here / "runs" / "quantized"
    stage.mkdir(parents=True)
    files.write_json(stage.parent / RUN, {})
    (here / "net").rename(stage.parent / "bundle")
    (stage / RECORD).write_text("{}")
    assert converting.ready("runs", plain=True) is None  # PyTorch's: it has several stages to choose from
    assert converting.ready("runs", plain=False) == Path("runs/bundle")
    assert converting.ready("runs/bundle", plain=True) == Path("runs/bundle")
    assert converting.ready("runs/quantized", plain=False) == Path("runs/quantized/model.onnx")
    (stage / WEIGHTS).write_bytes(b"")
    assert converting.ready("runs/quantized", plain=False) is None
    assert converting.ready("net.py", plain=False) is converting.ready("package.net:make", plain=False) is None


def test_half_of_a_bundle_is_made_where_pytorch_is_not(here):
    script = """
import sys
sys.modules["torch"] = None
from edgekit import cli
sys.exit(cli.run(["export", "net", "-o", "out", "--precision", "fp16"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=here)
    assert done.returncode == 0, done.stderr


def test_a_bundle_becomes_a_version_in_a_servers_repository(run, here):
    np.savez("real.npz", x=X)
    words = ("export", "net", "-o", "models", "--format", "triton", "--serve", "max_batch=4", "--examples", "real.npz")
    code, out, _ = run(*words)
    assert code == 0
    assert "model     models/digits, version 1\n" in out
    assert "warm-up   a real input" in out
    assert (here / "models/digits/1/model.onnx").is_file()
    assert "max_batch_size: 4" in (here / "models/digits/config.pbtxt").read_text()
    code, out, _ = run(*words, "--json")
    assert (code, json.loads(out)["version"], json.loads(out)["known"]) == (0, 1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["net", "--serve", "max_batch=4"], "--serve is for --format triton"),
        (["nothing", "--format", "triton"], '"nothing" is no bundle and no ONNX file'),
        (["net", "--format", "triton", "--precision", "fp16"], "takes a bundle as it is, and no --precision"),
        (["net", "--format", "triton", "--serve", "batch=4"], 'there is no setting "batch" of a server'),
    ],
    ids=["not asked for", "no bundle", "another form", "no setting"],
)
def test_what_a_server_cannot_be_given_is_refused(run, here, words, said):
    code, _, err = run("export", *words, "-o", "models")
    assert code != 0
    assert said in err
    assert not (here / "models").exists()
