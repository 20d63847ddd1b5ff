from __future__ import annotations

import json
import re
import resource

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import edgekit
from edgekit import cli
from edgekit.manifest import Manifest

FILE = "from torch import nn\n\ndef build(width=4):\n    return nn.Linear(width, 2)\n"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    (tmp_path / "net.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)

    def export(*words: str) -> tuple[int, str, str]:
        code = cli.run(["export", *words, "-o", "bundle"])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return export


def test_a_model_file_with_weights_becomes_a_bundle(run, tmp_path):
    network = nn.Linear(3, 2)
    torch.save({"state_dict": network.state_dict()}, "w.pt")
    (tmp_path / "labels.txt").write_text("ant\nbee\n")
    words = ["--args", "width=3", "--weights", "w.pt", "--input", "x: float32[N,3]", "--head", "softmax"]
    code, out, err = run("net.py", *words, "--task", "classification", "--labels", "labels.txt", "--json")
    assert code == 0
    assert 'those under "state_dict"' in err
    said = json.loads(out.splitlines()[-1])
    assert said["outputs"] == ["probabilities: float32[N,2]"]
    assert said["provenance"]["source"]["args"] == {"width": 3}
    x = np.ones(3, np.float32)
    prediction = edgekit.load("bundle").predict(x)
    expected = network(torch.from_numpy(x)).softmax(-1).detach()
    assert prediction.label == ["ant", "bee"][int(expected.argmax())]
    assert prediction.probability == pytest.approx(float(expected.max()), abs=1e-5)


def test_the_report_names_the_exporter_the_proof_and_the_time(run, monkeypatch):
    from edgekit.exporting import ladder

    def broken(*args):
        raise NotImplementedError("not today")

    monkeypatch.setattr(ladder, "RUNGS", {"dynamo": broken, "tracer": ladder.RUNGS["tracer"]})
    code, out, err = run("net.py", "--input", "x: float32[N,4]", "--range", "N=1..3")
    assert code == 0
    assert "failed    dynamo: NotImplementedError: not today" in out
    assert "exporter  tracer" in out
    assert "at N 1/2/3" in out
    assert "time      PyTorch" in out
    assert "random unless" in err
    words = {line.split()[0] for line in out.splitlines()}  # and nothing of what exporters print
    assert words <= {"failed", "exporter", "note", "input", "output", "proof", "requires", "time", "bundle"}


def test_a_dry_run_asks_pytorch_and_writes_nothing(run, tmp_path):
    code, out, _ = run("net.py", "--input", "x: float32[N,4]", "--dry-run")
    assert code == 0
    assert "output    output: float32[N,2]" in out
    assert not (tmp_path / "bundle").exists()


def test_real_examples_are_what_the_proof_is_held_on(run):
    np.save("x.npy", np.ones((8, 4), np.float32))
    np.save("y.npy", np.ones((8, 5), np.float32))
    assert run("net.py", "--input", "x: float32[N,4]", "--examples", "x.npy", "--dry-run")[0] == 0
    code, _, err = run("net.py", "--input", "x: float32[N,4]", "--examples", "y.npy", "--dry-run")
    assert code == 2
    assert 'the examples of "x: float32[N,4]" are float32[8,5]' in err


PICTURES = """
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
"""


def test_a_cameras_picture_goes_in_and_labels_come_out_with_metric_and_licence(run, tmp_path, capsys):
    (tmp_path / "net.py").write_text(PICTURES)
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    rng = np.random.default_rng(0)
    np.savez("data.npz", x=rng.integers(0, 256, (9, 30, 37, 3), dtype=np.uint8), y=rng.integers(0, 3, 9))
    words = ["--resize", "20", "--crop", "16", "--head", "top2", "--licence", "MIT", "--examples", "data.npz"]
    words += ["--task", "image-classification", "--labels", "labels.txt", "--mean", "0.5", "--std", "0.2"]
    code, out, _ = run("net.py", "--input", "image: uint8[N,H,W,3]", *words)
    assert code == 0
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert ["output", "top_probabilities: float32[N,2]"] in lines
    assert re.search(r"metric    accuracy (\S+) % became \1 % on 9 examples", out)
    card = Manifest.read("bundle")
    assert card.parity["metric"]["n"] == 9
    assert (card.provenance["licence"], card.provenance["export"]["head"]) == ("MIT", "top2")
    (said,) = [each.value for each in onnx.load("bundle/model.onnx").metadata_props if each.key == "edgekit.provenance"]
    assert json.loads(said)["licence"] == "MIT"
    np.save("picture.npy", rng.integers(0, 256, (55, 41, 3), dtype=np.uint8))
    assert cli.run(["predict", "bundle", "picture.npy", "--top", "5"]) == 0
    assert re.fullmatch(r"picture.npy: (ant|bee|cat) \S+ %  (ant|bee|cat) \S+ %\n", capsys.readouterr().out)
    assert cli.run(["verify", "net.py", "bundle"]) == 3  # the weights are random, and others each time
    assert cli.run(["verify", "bundle", "bundle", "--data", "data.npz"]) == 0
    assert "H 2/" not in capsys.readouterr().out  # but the sizes it was proved at


def test_a_full_disk_is_told_and_nothing_half_written_is_left(run, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # no file may be larger
    try:
        code, _, err = run("net.py", "--input", "x: float32[N,40000]", "--args", "width=40000")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 1
    assert re.search(r'error: cannot write ".*model.onnx": File too large', err)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "edgekit-home") == ["net.py"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["gone.py", "--input", "x: float32[N,4]"], 1, 'there is no model file "gone.py"'),
        (["net.py"], 2, "no inputs are declared"),
        (["net.py", "--input", "x float32[N,4]"], 1, '"x float32[N,4]" is not a tensor'),
        (["net.py", "--input", "x: float32[N,5]"], 1, "PyTorch itself fails"),
        (["net.py", "--input", "x: float32[N,4]", "--args", "width"], 2, '--args "width" is no argument'),
        (["net.py", "--input", "x: float32[N,4]", "--range", "N=4"], 2, '--range "N=4" is no range'),
        (["net.py", "--input", "x: float32[N,4]", "--range", "N=4..2"], 2, '--range "N=4..2" is no range'),
        (
            ["net.py", "--input", "x: float32[N,4]", "--head", "top9"],
            2,
            "the head top9 of 2 classes",
        ),
        (["net.py", "--input", "x: float32[N,4]", "--head", "sofmax"], 2, 'did you mean "softmax"?'),
        (["net.py", "--input", "x: float32[N,4]", "--resize", "big"], 2, '--resize "big" is no size'),
        (["net.py", "--input", "x: float32[N,4]", "--crop", "4"], 2, "no input is an image to resize or crop"),
        (["net.py", "--input", "x: float32[N,4]", "--mean", "a"], 2, '--mean "a" is no number'),
        (["net.py", "--input", "x: float32[N,4]", "--labels", "l.txt"], 1, 'the labels "l.txt" cannot be read'),
        (["net.py", "--input", "x: float32[N,4]", "--examples", "e.npz"], 1, 'there is no file "e.npz"'),
        (["net.py", "--input", "x: float32[N,4]", "--weights", "w.pt"], 1, 'there are no weights "w.pt"'),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_bad_input_is_told_in_a_line_and_leaves_nothing(run, tmp_path, words, code, said):
    found, out, err = run(*words)
    assert (found, out) == (code, "")
    assert said in err
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "edgekit-home") == ["net.py"]


DECIDES = """
from typing import Annotated
from torch import Tensor, nn

class Net(nn.Module):
    def forward(self, x: Annotated[Tensor, "float32[N,4]"]):
        return x * 2 if x.sum() > 1e9 else x

def build():
    return Net()
"""


def test_inputs_may_stand_at_forward_and_what_was_decided_while_tracing_is_told(run, tmp_path, monkeypatch):
    from edgekit.exporting import ladder

    monkeypatch.setattr(ladder, "RUNGS", {"tracer": ladder.RUNGS["tracer"]})
    (tmp_path / "decides.py").write_text(DECIDES)
    code, out, err = run("decides.py")
    assert code == 0, err
    assert "input     x: float32[N,4]" in out
    assert "note      the module itself (Net) makes a Python boolean of a tensor" in out
    assert "decides.py" not in out
