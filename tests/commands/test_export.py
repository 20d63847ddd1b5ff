from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

import edgekit
from edgekit import cli

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
    words = ["--args", "width=3", "--weights", "w.pt", "--input", "x: float32[N,3]", "--softmax"]
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
    assert words <= {"failed", "exporter", "note", "input", "output", "proof", "graph", "time", "bundle"}


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
