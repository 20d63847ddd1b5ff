from __future__ import annotations

import json
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
    assert "they agree on real inputs: N 1; N 2; N 7" in out
    assert "accuracy, n = 20: 95.00 % and 95.00 %" in out


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
        (
            ["a.onnx", "net.py"],
            2,
            '"net.py" is PyTorch source, and what is compared is ONNX',
        ),
        (["net.py", "a.onnx"], 1, 'there is no model file "net.py"'),
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
    assert 'has no array "x"\nhint: it holds image' in capsys.readouterr().err


def test_a_model_file_is_compared_with_what_was_exported_from_it(folder, capsys):
    (folder / "net.py").write_text(NET)
    assert run(["verify", "net.py", "a.onnx", "--args", "factor=0.5"]) == 0
    assert "they agree on made-up inputs" in capsys.readouterr().out
