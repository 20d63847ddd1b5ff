from __future__ import annotations

import pytest
import torch
from torch import nn

from edgekit import cli
from edgekit.errors import EdgekitError
from edgekit.sources.opening import open_source
from edgekit.sources.source import Asked

PACKAGE = """
import torch
from torch import nn

def make(width=4):
    return nn.Linear(width, 2)

class Net(nn.Linear):
    def __init__(self, width):
        super().__init__(width, 2)

ready = nn.Linear(3, 2)
number = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with a package and a model file in it."""
    (tmp_path / "mynets").mkdir()
    (tmp_path / "mynets" / "__init__.py").write_text("")
    (tmp_path / "mynets" / "nets.py").write_text(PACKAGE)
    (tmp_path / "net.py").write_text("from torch import nn\n\ndef build(width=4):\n    return nn.Linear(width, 2)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "args", "width"),
    [
        ("net.py", {"width": 5}, 5),
        ("mynets.nets:make", {}, 4),
        ("mynets.nets:Net", {"width": 6}, 6),
        ("mynets.nets:ready", {}, 3),
        ("torch.nn:Linear", {"in_features": 7, "out_features": 2}, 7),
    ],
    ids=["a file", "a function", "a class", "a module", "an installed package"],
)
def test_a_module_is_built_from_code(here, name, args, width):
    source = open_source(Asked(name, args))
    assert source.module.in_features == width
    assert not source.module.training
    assert "random" in source.notes[0]


def test_weights_are_loaded_and_named_without_their_folder(here):
    torch.save(nn.Linear(4, 2).state_dict(), here / "w.pt")
    source = open_source(Asked("net.py", weights=here / "w.pt"))
    assert source.said["weights"]["file"] == "w.pt"
    assert str(here) not in str(source.said)
    assert source.notes == ()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked("nets.py"), 'there is no model file "nets.py"'),
        (Asked("nowhere"), 'there is no source "nowhere"'),
        (Asked("mynets.net:make"), '"mynets.net" cannot be imported'),
        (Asked("mynets.nets:mak"), 'has no "mak"'),
        (Asked("mynets.nets:number"), "is a int, not a module"),
        (Asked("mynets.nets:ready", {"width": 3}), "takes no arguments"),
        (Asked("mynets.nets:Net"), '"mynets.nets": Net needs the argument "width"'),
        (Asked("mynets.nets:make", {"widht": 3}), 'make takes no argument "widht"'),
        (Asked("mynets"), 'nothing in the folder "mynets" can be exported'),
        (Asked("w.pth"), "how to build the network"),
        (Asked("model.onnx"), 'there is no file "model.onnx"'),
        (Asked("gone.pt2"), 'there is no file "gone.pt2"'),
        (Asked("net.pt2"), "cannot be read as a torch.export program"),
        (Asked("labels.txt"), '"labels.txt" is a file of no kind that can be exported'),
        (Asked("whole.pt"), "holds more than weights, pickled code"),
        (Asked("state.pt"), '"state.pt" holds weights, which say nothing of how to build'),
    ],
    ids=lambda value: value.name if isinstance(value, Asked) else "",
)
def test_what_is_no_source_is_told(here, asked, said):
    (here / "net.pt2").write_bytes(b"no such thing")
    (here / "labels.txt").write_text("cat")
    torch.save(nn.Linear(1, 1), here / "whole.pt")
    torch.save(nn.Linear(1, 1).state_dict(), here / "state.pt")
    with pytest.raises(EdgekitError, match=said):
        open_source(asked)


class Cell(nn.Module):
    def forward(self, x, state, *, gain):
        return {"y": x * gain, "state": [each + 1 for each in state]}


def test_a_saved_program_says_itself_what_it_takes(tmp_path):
    batch = torch.export.Dim("batch", min=1, max=16)
    example = (torch.ones(3, 4), (torch.ones(2, 3), torch.ones(3)))
    shapes = {"x": {0: batch}, "state": ({1: batch}, {0: batch}), "gain": {}}
    program = torch.export.export(Cell(), example, {"gain": torch.ones(1)}, dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "cell.pt2")
    source = open_source(Asked(str(tmp_path / "cell.pt2")))
    assert [str(each) for each in source.known["inputs"]] == [
        "x: float32[N,4]", "state.0: float32[2,N]", "state.1: float32[N]", "gain: float32[1]"
    ]  # fmt: skip
    assert source.known["ranges"] == {"N": (1, 16)}
    answer = source.module.eval()(x=example[0], state=example[1], gain=torch.full((1,), 3.0))
    assert torch.equal(answer["y"], example[0] * 3)
    with pytest.raises(EdgekitError, match='the program takes "x", and it is not among image') as caught:
        source.module(image=example[0])
    assert "x, state" in caught.value.hint


def test_a_stage_of_a_run_is_built_again_with_what_its_recipe_says(tiny, tmp_path, monkeypatch, capsys):
    assert cli.run(["distill", str(tiny), "--runs", str(tmp_path / "runs"), "--quick"]) == 0
    (run,) = (tmp_path / "runs" / "tiny").iterdir()
    monkeypatch.chdir(tiny.parent)
    source = open_source(Asked(str(run / "prune")))
    assert source.known["inputs"] == ["image: uint8[N,6,6,1]"]
    assert source.known["task"] == "image-classification"
    assert source.said == {"run": f"tiny/{run.name}", "stage": "prune", "model": "net.py", "args": {"width": 8}}
    assert source.module.second.out_channels < 16  # as pruned
    with pytest.raises(EdgekitError, match="made an ONNX graph"):
        open_source(Asked(str(run / "quantize")))
    with pytest.raises(EdgekitError, match="several stages"):
        open_source(Asked(str(run)))
