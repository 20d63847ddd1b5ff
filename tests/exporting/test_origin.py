"""Graphs that a real exporter wrote are broken in one node on purpose, and that node must be named."""

from __future__ import annotations

import copy
import io
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from edgekit.errors import ParityError
from edgekit.exporting.cases import Cases
from edgekit.exporting.origin import Origin
from edgekit.exporting.proof import prove
from edgekit.signature import Tensor


class Voice(nn.Module):
    """Two branches, a recurrent layer with its state in and out, a normalisation that is folded, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.front = nn.Sequential(nn.Conv1d(3, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU())
        self.drop = nn.Dropout()
        self.gru = nn.GRU(4, 5, batch_first=True)
        self.gate = nn.Linear(5, 5)
        self.head = nn.Linear(5, 2)
        self.front[1].running_mean.uniform_(0.5, 1)
        self.front[1].running_var.uniform_(2, 3)

    def forward(self, x, state):
        y = self.drop(self.front(x)).transpose(1, 2)
        said, state = self.gru(y, state)
        return self.head(said * torch.sigmoid(self.gate(said))), state


INPUTS = (Tensor.parse("x: float32[N,3,T]"), Tensor.parse("state: float32[1,N,5]"))
NAMES = {"input_names": ["x", "state"], "output_names": ["said", "left"], "opset_version": 18}


@pytest.fixture(scope="module")
def voice() -> nn.Module:
    return Voice().eval()


@pytest.fixture(scope="module")
def exported(voice: nn.Module) -> dict[str, Origin]:
    """Export once with each exporter."""
    example = (torch.randn(2, 3, 6), torch.zeros(1, 2, 5))
    n, t = torch.export.Dim("N"), torch.export.Dim("T")
    with pytest.warns(Warning):
        program = torch.onnx.export(
            voice, example, dynamo=True, verbose=False, dynamic_shapes=({0: n, 2: t}, {1: n}), **NAMES
        )
        buffer = io.BytesIO()
        axes = {"x": {0: "N", 2: "T"}, "state": {1: "N"}, "said": {0: "N", 1: "T"}, "left": {1: "N"}}
        torch.onnx.export(voice, example, buffer, dynamo=False, dynamic_axes=axes, **NAMES)
    return {
        "dynamo": Origin(program.model_proto, program.exported_program),
        "tracer": Origin(onnx.load_from_string(buffer.getvalue())),
    }


def broken(origin: Origin, node: str, to: str | None = None) -> Origin:
    """Give the node another operator, or move its last weight."""
    model = copy.deepcopy(origin.model)
    (found,) = [each for each in model.graph.node if each.name == node]
    if to:
        found.op_type = to
    weights = [name for name in found.input if name in {each.name for each in model.graph.initializer}]
    for weight in model.graph.initializer if not to else ():
        if weight.name == weights[-1]:
            moved = onnx.numpy_helper.to_array(weight) + np.float32(0.1)
            weight.CopyFrom(onnx.numpy_helper.from_array(moved, weight.name))
    return Origin(model, origin.program)


def fault(origin: Origin, module: nn.Module, folder: Path) -> str:
    onnx.save(origin.model, folder / "a.onnx")
    with pytest.raises(ParityError) as caught:
        prove(module, folder / "a.onnx", Cases(INPUTS), origin=origin)
    assert str(caught.value).startswith('output "said"[0, ')
    return str(caught.value)


@pytest.mark.parametrize("method", ["dynamo", "tracer"])
def test_what_is_not_broken_passes(exported, voice, tmp_path, method):
    onnx.save(exported[method].model, tmp_path / "a.onnx")
    parity = prove(voice, tmp_path / "a.onnx", Cases(INPUTS), origin=exported[method])
    assert list(parity.outputs) == ["said", "left"]
    assert parity.max_abs < 1e-5
    assert [case["T"] for case in parity.cases] == [2, 9, 2, 9, 2, 9]


@pytest.mark.parametrize(
    ("method", "node", "to", "said"),
    [
        (
            "dynamo", "node_relu", "Abs",
            r'begins at Abs "node_relu" in front\.2 \(ReLU\): "relu"\[0, 0, 0\] is 0\.5644\d*; PyTorch gives 0$',
        ),
        ("dynamo", "node_sigmoid", "Tanh", r'begins at Tanh "node_sigmoid" in the module itself \(Voice\): "sigmoid"'),
        ("dynamo", "node_Conv_69", None, r'begins at Conv "node_Conv_69" in front\.1 \(BatchNorm1d\): "getitem"'),
        ("dynamo", "node_linear", None, r'begins at Add "node_linear" in gate \(Linear\): "linear"'),
        ("dynamo", "node_linear_1", None, r'begins at Add "node_linear_1" in head \(Linear\): "said"'),
        ("tracer", "/front/front.2/Relu", "Abs", r"begins at Abs .* in front\.2 \(ReLU\): .*; PyTorch gives 0$"),
        ("tracer", "/front/front.0/Conv", None, r"begins at Conv .* in front\.0 \(Conv1d\): .*; PyTorch gives"),
        (
            "tracer", "/Sigmoid", "Tanh",
            r'begins at Mul "/Mul" in the module itself \(Voice\): .*\(or at the node before it that cannot be comp',
        ),
        ("tracer", "/gru/GRU", None, r'begins at \w+ "/gru/\w+" in gru \(GRU\): .*or at one of the \d+ nodes'),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_the_broken_node_is_named_with_its_module_and_the_two_values(exported, voice, tmp_path, method, node, to, said):
    assert re.search(said, fault(broken(exported[method], node, to), voice, tmp_path))


class Otherwise(nn.Linear):
    def forward(self, x):
        return super().forward(x) * (3 if torch.compiler.is_exporting() else 2)


def test_a_program_that_differs_from_its_module_is_told_and_the_module_is_named(tmp_path):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(2, 2), Otherwise(2, 2), nn.Sigmoid()).eval()
    with pytest.warns(Warning):
        shapes = ({0: torch.export.Dim("N")},)
        program = torch.onnx.export(module, (torch.ones(2, 2),), dynamo=True, verbose=False, dynamic_shapes=shapes)
    onnx.save(program.model_proto, tmp_path / "a.onnx")
    origin = Origin(program.model_proto, program.exported_program)
    said = r"; torch\.export's program differs from the module already; it begins at Mul .* in 1 \(Otherwise\): "
    with pytest.raises(ParityError, match=said):
        prove(module, tmp_path / "a.onnx", Cases([Tensor.parse("input: float32[N,2]")]), origin=origin)
