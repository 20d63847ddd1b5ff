from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
import torch
from torch import nn

from edgekit.errors import BundleError, ExportError, ParityError
from edgekit.exporting import ladder, shipping, telling
from edgekit.exporting.cases import Cases
from edgekit.exporting.verification import of_network, of_onnx, verify
from edgekit.manifest import Manifest

GRAPH = """<ir_version: 8, opset_import: ["": 18]>
g (float[N,3] x) => (int64[N,1] class) <float[3] w = {{{}}}, int64[1] form = {{-1}}>
{{ s = Mul(x, w)  a = ArgMax<axis=1, keepdims=0>(s)  c = Unsqueeze(a, form)  class = Cast<to = 7>(c) }}"""


@pytest.fixture
def graph(tmp_path):
    def make(weights: str, text: str = GRAPH) -> Path:
        path = tmp_path / f"{weights.replace(', ', '-')}.onnx"
        onnx.save(onnx.parser.parse_model(text.replace("Unsqueeze(a, form)", "Identity(a)").format(weights)), path)
        return path

    return make


def test_the_scores_are_found_behind_what_exporters_put_there(graph):
    session = telling.open_told(graph("1, 2, 3"))
    assert [each.name for each in session.outputs] == ["class", telling.SCORES]
    answer = session.run({"x": np.ones((1, 3), np.float32)})
    np.testing.assert_array_equal(answer[telling.SCORES], [[1, 2, 3]])


def test_what_is_chosen_otherwise_is_told(graph):
    other = '<ir_version: 8, opset_import: ["": 18]> g (float[N,3] x) => (float[N,3] y) {{ y = Abs(x) }}'
    with pytest.raises(BundleError, match='the output "y" is not the ArgMax of a tensor'):
        telling.open_told(graph("1", other))


def test_files_that_answer_the_same_classes_by_other_scores_do_not_agree(graph):
    first, same, other = (of_onnx(name, graph(name)) for name in ("1, 2, 3", "1, 2, 3.000001", "2, 4, 6"))
    asked = Cases(first.inputs, ranges={"x": (1, 1.2)})
    assert verify(first, same, asked).outputs["class"].max_abs == 0
    with pytest.raises(ParityError, match=r'output "scores of class".*it begins at Mul: "s"'):
        verify(first, other, asked)


class Net(nn.Module):
    """Two convolutions, each folded into the normalisation behind it, as the current exporter does."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))


SAID = {"inputs": ["image: uint8[N,8,9,3]"], "head": "argmax"}


def test_a_convolution_that_is_wrong_under_an_argmax_is_named_though_the_class_is_right(tmp_path, monkeypatch):
    rung = ladder.RUNGS["dynamo"]

    def broken(program, example):
        made = rung(program, example)
        weight = next(each for each in made.model.graph.initializer if len(each.dims) == 4)
        moved = onnx.numpy_helper.to_array(weight) + np.float32(0.001)
        weight.CopyFrom(onnx.numpy_helper.from_array(moved, weight.name))
        return made

    monkeypatch.setattr(ladder, "RUNGS", {"dynamo": broken})
    with pytest.raises(ExportError) as caught:
        shipping.export(Net(), None, tmp_path / "bundle", **SAID)
    assert re.search(
        r'output "scores of class"\[.*it begins at Conv \S+ in network\.stem\.1 \(BatchNorm', str(caught.value)
    )


def test_the_file_that_ships_does_not_answer_its_scores_and_its_module_is_found_again(tmp_path):
    done = shipping.export(Net(), None, tmp_path / "bundle", **SAID)
    assert [str(each) for each in done.card.outputs] == ["class: int64[N]"]
    assert set(Manifest.read(done.folder).parity["outputs"]) == {"class", telling.SCORES}
    bundle = of_onnx("bundle", done.folder)
    asked = Cases(bundle.inputs)
    assert verify(of_network("net.py", Net(), bundle, {}), bundle, asked).outputs["class"].max_abs == 0
    changed = Net()
    changed.body[0].weight.data[0] += 0.5
    with pytest.raises(
        ParityError, match=r"it begins at Conv .* in network\.body\.1 \(BatchNorm2d\): .*; PyTorch gives"
    ):
        verify(bundle, of_network("net.py", changed, bundle, {}), asked)
