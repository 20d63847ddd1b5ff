from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
import torch
from torch import nn

import edgekit
from edgekit.errors import DimensionError, ExportError, ParityError
from edgekit.exporting import ladder, shipping
from edgekit.exporting.agreement import Tolerance
from edgekit.exporting.cases import Cases
from edgekit.exporting.proof import prove
from edgekit.exporting.scoring import labelled
from edgekit.signature import Tensor

GRAPH = """
<ir_version: 8, opset_import: ["": 18]>
double (float[N,3] x) => (float[N,{width}] y) <float factor = {{{factor}}}>
{{
    y = {body}
}}
"""


class Double(nn.Module):
    def forward(self, x):
        return x * 2


@pytest.fixture
def graph(tmp_path):
    def make(factor: float = 2.0, body: str = "Mul(x, factor)", width: str = "3", text: str = GRAPH):
        model = onnx.parser.parse_model(text.format(factor=factor, body=body, width=width) if text is GRAPH else text)
        onnx.save(model, tmp_path / "a.onnx")
        return tmp_path / "a.onnx"

    return make


def cases(inputs: np.ndarray, line: str = "x: float32[N,3]") -> Cases:
    return Cases([Tensor.parse(line)], {"x": inputs})


INPUTS = np.linspace(-1, 1, 30, dtype=np.float32).reshape(10, 3)


def test_a_graph_that_answers_alike_passes_with_its_figures(graph):
    parity = prove(Double(), graph(), cases(INPUTS))
    assert parity.batches == (1, 2, 7)
    figures = parity.outputs["y"]
    assert figures.max_abs == figures.mean_abs == 0
    assert figures.cosine == pytest.approx(1)
    assert figures.argmax_agreement == 1
    assert parity.to_dict()["batches"] == [1, 2, 7]


def test_a_small_difference_is_measured(graph):
    parity = prove(Double(), graph(factor=2.0002), cases(INPUTS))
    assert parity.max_abs == pytest.approx(0.0002, rel=0.01)
    assert 0 < parity.outputs["y"].mean_abs < parity.max_abs


def test_a_difference_is_named_where_it_is_largest(graph):
    with pytest.raises(ParityError, match=r'output "y"\[0, 0\] at batch 1 is -2.2; PyTorch gives -2'):
        prove(Double(), graph(factor=2.2), cases(INPUTS))


def test_another_tolerance_can_be_asked_for(graph):
    assert prove(Double(), graph(factor=2.2), cases(INPUTS), allowed=Tolerance(0, 0.2)).outputs["y"].rtol == 0.2
    with pytest.raises(ParityError, match=r"and 1e-06 \+ 0 of it is allowed"):
        prove(Double(), graph(factor=2.0002), cases(INPUTS), allowed=Tolerance(1e-6, 0))


def test_a_difference_that_only_larger_batches_show_is_found(graph):
    inputs = np.zeros((10, 3), np.float32)
    inputs[5, 1] = 1
    with pytest.raises(ParityError, match=r"\[5, 1\] at batch 7 is 2.5; PyTorch gives 2"):
        prove(Double(), graph(factor=2.5), cases(inputs))


def test_an_answer_that_is_no_number_is_a_difference(graph):
    with pytest.raises(ParityError, match="is nan; PyTorch gives"):
        prove(Double(), graph(body="Log(x)"), cases(INPUTS))


def test_another_shape_is_named(graph):
    with pytest.raises(ParityError, match=r'output "y" is \[1, 1\] at batch 1; PyTorch gives \[1, 3\]'):
        prove(Double(), graph(body="ReduceSum <keepdims = 1> (x)", width="1"), cases(INPUTS))


TWO = """
<ir_version: 8, opset_import: ["": 18]>
two (float[N,T] x, int64[N] k) => (float[N,T] a, int64[N] b) <int64 one = {1}> { a = Neg(x)  b = Add(k, one) }
"""


class Two(nn.Module):
    def __init__(self, step: int = 1) -> None:
        super().__init__()
        self.step = step

    def forward(self, x, k):
        return {"a": -x, "b": (k + self.step,)}


def test_several_inputs_and_outputs_are_compared_each_by_its_name(graph):
    both = [Tensor.parse("x: float32[N,T]"), Tensor.parse("k: int64[N]")]
    parity = prove(Two(), graph(text=TWO), Cases(both, sizes={"T": (1, 5)}, ranges={"k": (3, 9)}))
    assert {name: each.dtype for name, each in parity.outputs.items()} == {"a": "float32", "b": "int64"}
    assert [(case["N"], case["T"]) for case in parity.cases] == [(n, t) for n in (1, 2, 7) for t in (1, 5)]
    with pytest.raises(ParityError, match=r'output "b"\[0\] at batch 1, T 1 is \d; PyTorch gives \d, and 0 \+ 0 of it'):
        prove(Two(2), graph(text=TWO), Cases(both, sizes={"T": (1, 5)}))


def test_a_number_of_outputs_that_differs_is_told(graph):
    with pytest.raises(ParityError, match="PyTorch answers 1 tensors, the ONNX file 2: a, b"):
        prove(Double(), graph(text=TWO.replace("int64[N] k", "int64[N] k")), cases(INPUTS, "x: float32[N,T]"))


def test_where_pytorch_itself_fails_it_says_so(graph):
    with pytest.raises(ExportError, match=r"PyTorch itself fails on x \[1, 3\]: RuntimeError: mat1 and mat2"):
        prove(nn.Linear(4, 3), graph(), cases(INPUTS))


FIXED = '<ir_version: 8, opset_import: ["": 18]> g (float[N,{0}] x) => (float[N,{0}] y) {{ {1} }}'


@pytest.mark.parametrize(
    ("dim", "body", "said"),
    [
        ("4", "y = Add(x, x)", r'"T" became a constant: the input "x: float32\[N,T\]" became "x: float32\[N,4\]"'),
        (
            "T",
            "s = Constant <value = int64[2] {-1, 4}> () d = Add(x, x) y = Reshape(d, s)",
            '"T" became a const.*: 4 goes',
        ),
        ("T", "s = Constant <value = float[6] {2, 2, 2, 2, 2, 2}> () y = Mul(x, s)", '"T" became a const.*: 6 goes'),
        ("T", "s = Constant <value = float[4] {2, 2, 2, 2}> () y = Mul(x, s)", '"T" became a constant: 4 goes well'),
    ],
    ids=["in the signature", "in a shape", "at the largest", "in a broadcast"],
)
def test_a_dynamic_dimension_that_became_a_constant_is_an_error_of_its_own(graph, dim, body, said):
    asked = Cases([Tensor.parse("x: float32[N,T]")], sizes={"T": (4, 6)})
    with pytest.raises(DimensionError, match=said):
        prove(Double(), graph(text=FIXED.format(dim, body)), asked)


def test_with_labels_the_metric_of_both_is_taken(graph):
    asked = cases(INPUTS)
    asked.labelled = labelled(np.array([2] * 8 + [0, 1]), [Tensor.parse("y: float32[N,3]")], 10)
    parity = prove(Double(), graph(), asked)
    assert parity.to_dict()["metric"] == {"name": "accuracy", "n": 10, "expected": 0.8, "actual": 0.8}


class Fixed(nn.Module):
    """Makes a constant of its time, for whoever does not follow Python's own numbers."""

    def forward(self, x):
        return x * 2 + torch.arange(int(x.shape[1]), dtype=torch.float32)


@pytest.mark.parametrize(
    ("rung", "fails"), [("dynamo", True), ("strict", False), ("decomposed", True), ("tracer", True)]
)
def test_a_time_that_an_exporter_makes_a_constant_is_an_error_whichever_it_is(tmp_path, monkeypatch, rung, fails):
    monkeypatch.setattr(ladder, "RUNGS", {rung: ladder.RUNGS[rung]})
    try:
        done = shipping.export(Fixed(), None, tmp_path / "bundle", inputs=["x: float32[N,T]"])
    except ExportError as error:
        assert fails and f'\n  {rung}: the dynamic dimension "T" became a constant: ' in str(error)
    else:
        assert not fails
        x = np.ones((1, 30), np.float32)
        np.testing.assert_allclose(edgekit.load(done.folder)({"x": x})["output"], [np.arange(30) + 2])
