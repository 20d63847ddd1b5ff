from __future__ import annotations

import numpy as np
import onnx
import pytest
from torch import nn

from edgekit.errors import ParityError
from edgekit.exporting.proof import compare, prove

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
    def make(factor: float = 2.0, body: str = "Mul(x, factor)", width: str = "3"):
        onnx.save(onnx.parser.parse_model(GRAPH.format(factor=factor, body=body, width=width)), tmp_path / "a.onnx")
        return tmp_path / "a.onnx"

    return make


INPUTS = np.linspace(-1, 1, 30, dtype=np.float32).reshape(10, 3)


def test_a_graph_that_answers_alike_passes_with_its_figures(graph):
    parity = prove(Double(), graph(), INPUTS)
    assert parity.batches == (1, 2, 7)
    assert parity.max_abs == parity.mean_abs == 0
    assert parity.cosine == pytest.approx(1)
    assert parity.argmax_agreement == 1
    assert parity.to_dict()["batches"] == [1, 2, 7]


def test_a_small_difference_is_measured(graph):
    parity = prove(Double(), graph(factor=2.0002), INPUTS)
    assert parity.max_abs == pytest.approx(0.0002, rel=0.01)
    assert 0 < parity.mean_abs < parity.max_abs


def test_a_difference_is_named_where_it_is_largest(graph):
    with pytest.raises(ParityError, match=r'output "y"\[0, 0\] at batch 1 is -2.2; PyTorch gives -2'):
        prove(Double(), graph(factor=2.2), INPUTS)


def test_a_difference_that_only_larger_batches_show_is_found(graph):
    inputs = np.zeros((10, 3), np.float32)
    inputs[5, 1] = 1
    with pytest.raises(ParityError, match=r"\[5, 1\] at batch 7 is 2.5; PyTorch gives 2"):
        prove(Double(), graph(factor=2.5), inputs)


def test_an_answer_that_is_no_number_is_a_difference(graph):
    with pytest.raises(ParityError, match="is nan; PyTorch gives"):
        prove(Double(), graph(body="Log(x)"), INPUTS)


def test_another_shape_is_named(graph):
    with pytest.raises(ParityError, match=r'output "y" is \[1, 1\] at batch 1; PyTorch gives \[1, 3\]'):
        prove(
            Double(),
            graph(body="ReduceSum <keepdims = 1> (x, axis)".replace("(x, axis)", "(x)"), width="1"),
            INPUTS[:7],
        )


def test_two_models_are_compared_by_their_answers():
    expected = np.array([[1.0, 2.0], [3.0, 1.0]], np.float32)
    parity = compare(np.array([[1.0, 2.5], [1.0, 3.0]], np.float32), expected)
    assert parity.max_abs == 2
    assert parity.mean_abs == pytest.approx((0.5 + 2 + 2) / 4)
    assert parity.argmax_agreement == 0.5
    cosine = (1 + 5 + 3 + 3) / (np.linalg.norm([1, 2.5, 1, 3]) * np.linalg.norm(expected))
    assert parity.cosine == pytest.approx(cosine)


def test_answers_of_nothing_but_zeros_are_alike():
    zeros = np.zeros((2, 3), np.float32)
    assert compare(zeros, zeros).cosine == 1
