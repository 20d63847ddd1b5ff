from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from edgekit.cli import run

GRAPH = """<ir_version: 8, opset_import: ["": 17]>
g (float[N,3] x) => (float[N,3] y) <float f = {FACTOR}> { a = Exp(x)  b = Mul(a, f)  y = Tanh(b) }"""


NET = """
import torch


class Scaled(torch.nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return torch.tanh(torch.exp(x) * self.factor)


def build(factor):
    return Scaled(factor)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models that differ in one weight, and examples of which all labels but the first are right."""
    for name, factor in (("a", "0.5"), ("b", "0.6")):
        onnx.save(onnx.parser.parse_model(GRAPH.replace("FACTOR", factor)), tmp_path / f"{name}.onnx")
    x = np.random.default_rng(0).normal(size=(20, 3))
    labels = x.argmax(1)
    labels[0] = (labels[0] + 1) % 3
    np.savez(tmp_path / "data.npz", x=x, y=labels)
    np.save(tmp_path / "x.npy", x)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_models_that_agree_are_shown_with_their_figures(folder, capsys):
    assert run(["verify", "a.onnx", "a.onnx", "--data", "data.npz"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.strip().startswith("y "))
    assert row.split() == [
        "y",
        "float32",
        *["0.0e+00"] * 3,
        "1.000000",
        "100.0",
        "%",
        *["0.0001", "+", "0.001", "of", "it"],
    ]
    assert "they agree on real inputs, at N 1/2/7" in out
    assert "accuracy 95.00 % became 95.00 % on 20 examples" in out


def test_models_that_differ_end_with_3_and_the_node(folder, capsys):
    assert run(["verify", "a.onnx", "b.onnx", "--data", "x.npy"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith('error: "b.onnx" does not agree with "a.onnx": output "y"[')
    assert 'it begins at Mul: "b"[' in told.err


def test_a_wider_tolerance_lets_them_agree(folder, capsys):
    assert run(["verify", "a.onnx", "b.onnx", "--tolerance", "0.3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["agree"] is True
    assert 0 < said["parity"]["max_abs"] < 0.3
    assert said["parity"]["atol"] == said["parity"]["rtol"] == 0.3


def test_a_difference_is_told_to_programs_too(folder, capsys):
    assert run(["verify", "a.onnx", "b.onnx", "--json"]) == 3
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["agree"], said["parity"]) == (False, None)
    assert "it begins at Mul" in said["reason"]


def test_a_stages_folder_stands_for_its_model(folder, capsys):
    (folder / "run" / "prune").mkdir(parents=True)
    (folder / "a.onnx").rename(folder / "run" / "prune" / "model.onnx")
    assert run(["verify", "run/prune", "run/prune/model.onnx"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["a.onnx", "none.onnx"], 1, 'there is no "none.onnx"'),
        (["a.onnx", "data.npz"], 1, '"data.npz"'),
        (["a.onnx", "b.onnx", "--data", "none.npz"], 1, 'there is no file "none.npz"'),
        (["a.onnx", "b.onnx", "--data", "a.onnx"], 1, '"a.onnx" cannot be read'),
        (["a.onnx", "b.onnx", "--range", "T=1..4"], 2, 'a range is given for "T"'),
        (["a.onnx", "b.onnx", "--range", "N"], 2, '--range "N" is no range'),
        (["a.onnx", "net.py"], 1, 'there is no model file "net.py"'),
        (["net.py", "a.onnx"], 1, 'there is no model file "net.py"'),
        (["a.onnx", "net.py", "--args-b", "factor=1"], 2, "--args-b and --weights-b are for two PyTorch sources"),
        (["a.onnx", "b.onnx", "--weights", "w.pt"], 2, "--args and --weights are for a PyTorch source"),
        (["a.onnx", "b.onnx", "--input", "x: float32[N,3]"], 2, "--input is for two PyTorch sources"),
        (["net.py", "net.py"], 1, 'there is no model file "net.py"'),
        (["a.onnx"], 2, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_compared_is_told(folder, capsys, arguments, code, said):
    assert run(["verify", *arguments]) == code
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err


def test_data_without_the_models_input_is_told(folder, capsys):
    np.savez(folder / "other.npz", image=np.zeros((3, 3)))
    assert run(["verify", "a.onnx", "b.onnx", "--data", "other.npz"]) == 1
    assert 'there are no examples of "x"\nhint: found: image' in capsys.readouterr().err


@pytest.mark.parametrize("turned", [False, True], ids=["source first", "source second"])
def test_a_model_file_is_compared_with_what_was_exported_from_it(folder, capsys, turned):
    (folder / "net.py").write_text(NET)
    names = ["a.onnx", "net.py"] if turned else ["net.py", "a.onnx"]
    assert run(["verify", *names, "--args", "factor=0.5"]) == 0
    assert "they agree on made-up inputs" in capsys.readouterr().out
    assert run(["verify", *names, "--args", "factor=0.7"]) == 3
    err = capsys.readouterr().err
    assert f'error: "{names[1]}" does not agree with "{names[0]}": output "y"[' in err
    assert re.search(r'it begins at Tanh: "y"\[.*\] is 0.5131\d*; PyTorch gives 0.6605', err)


def test_two_sources_are_compared_each_with_arguments_of_its_own(folder, capsys):
    (folder / "net.py").write_text(NET)
    words = ["verify", "net.py", "net.py", "--input", "x: float32[N,3]", "--args", "factor=0.5", "--args-b"]
    assert run([*words, "factor=0.5"]) == 0
    assert "same argmax" in capsys.readouterr().out
    assert run([*words, "factor=0.6"]) == 3
    err = capsys.readouterr().err
    assert 'error: "net.py (B)" does not agree with "net.py (A)": output "output"[' in err
    assert re.search(r"it begins in network \(Scaled\): .*; net.py \(A\) gives", err)


LAYERS = """
import torch


class Layers(torch.nn.Module):
    def __init__(self, broken):
        super().__init__()
        torch.manual_seed(0)
        self.front = torch.nn.Linear(3, 4)
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU())
        if broken:
            self.body[0].bias.data[2] += 1.5

    def forward(self, x):
        return self.body(self.front(x))


def build(broken=False):
    return Layers(broken)
"""


def test_of_two_sources_the_first_module_that_differs_is_named(folder, capsys):
    (folder / "layers.py").write_text(LAYERS)
    np.savez(folder / "eight.npz", x=np.ones((8, 3), np.float32), y=np.zeros(8, int))
    words = ["verify", "layers.py", "layers.py", "--data", "eight.npz", "--args-b"]
    assert run([*words, "broken=true"]) == 3
    err = capsys.readouterr().err
    assert re.search(r"it begins in network\.body\.0 \(Linear\): \[0, 2\] is .*; layers.py \(A\) gives", err)
    assert run([*words, "broken=false", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["parity"]["metric"]["n"] == 8


def test_two_sources_without_a_word_of_their_inputs_are_refused(folder, capsys):
    (folder / "net.py").write_text(NET)
    assert run(["verify", "net.py", "net.py", "--args", "factor=1", "--args-b", "factor=1"]) == 2
    assert "no inputs are declared" in capsys.readouterr().err
