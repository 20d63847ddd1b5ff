from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
import torch
from torch import nn

from edgekit.errors import DimensionError, InputError, ParityError
from edgekit.exporting import shipping
from edgekit.exporting.bundle import write
from edgekit.exporting.cases import Cases
from edgekit.exporting.conversion import convert
from edgekit.exporting.formats import Form
from edgekit.exporting.verification import Subject, of_network, of_onnx, proved, verify
from edgekit.manifest import Manifest
from edgekit.signature import Tensor


@pytest.fixture
def subject(tmp_path: Path):
    def make(name: str, graph: str, opset: int = 17) -> Subject:
        path = tmp_path / f"{name}.onnx"
        onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> g {graph}'), path)
        return of_onnx(name, path)

    return make


ONE = "(float[N,3] x, float[N,3] z) => (float[N,3] y) { h = Sub(x, z) y = Abs(h) }"


def asked(subject: Subject, **said) -> Cases:
    return Cases(subject.inputs, **said)


def test_two_files_that_compute_the_same_agree(subject):
    first, second = subject("a", ONE), subject("b", ONE.replace("Sub(x, z)", "Sub(z, x)"))
    assert verify(first, second, asked(first)).max_abs == 0


def test_inputs_and_outputs_of_other_names_go_by_position(subject):
    first, second = subject("a", ONE), subject("b", "(float[M,3] p, float[M,3] q) => (float[M,3] r) { r = Sub(p, q) }")
    with pytest.raises(ParityError, match=r'output "y"\[0, \d\] at batch 1 is -.*; a gives .* is allowed$'):
        verify(first, second, asked(first, ranges={"x": (0, 1), "z": (2, 3)}))
    assert verify(first, second, asked(first, ranges={"x": (2, 3), "z": (0, 1)})).batches == (1, 2, 7)


def test_inputs_go_by_name_whatever_their_order(subject):
    signed = ONE.replace("Abs", "Neg")
    turned = signed.replace("(float[N,3] x, float[N,3] z)", "(float[N,3] z, float[N,3] x)")
    first, second, other = subject("a", signed), subject("b", turned), subject("c", ONE)
    assert verify(first, second, asked(first)).max_abs == 0
    with pytest.raises(ParityError, match=r'; it begins at Abs: "y"\[0, \d\] is'):
        verify(first, other, asked(first))


def test_a_dimension_that_is_fixed_in_the_second_alone_is_an_error_of_its_own(subject):
    first, second = subject("a", ONE), subject("b", ONE.replace("N,3", "2,3"))
    with pytest.raises(DimensionError, match='the dynamic dimension "N" became a constant'):
        verify(first, second, asked(first))
    assert verify(second, first, asked(second)).cases == ({},)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("(float[N,3] x) => (float[N,3] y) { y = Abs(x) }", "the inputs of"),
        (ONE.replace("float[N,3] z", "int64[N,3] z").replace("Sub(x, z)", "Neg(x)"), "the inputs of"),
        ("(float[N,3] x, float[N,3] z) => (float[N,3] y, float[N,3] h) { h = Sub(x, z) y = Abs(h) }", "the outputs of"),
    ],
    ids=["fewer inputs", "another dtype", "more outputs"],
)
def test_models_that_take_or_answer_other_things_cannot_be_compared(subject, other, said):
    first, second = subject("a", ONE), subject("b", other)
    with pytest.raises(InputError, match=f'{said} "a" are .*; those of "b"'):
        verify(first, second, asked(first))


def test_sizes_that_the_first_does_not_take_are_told_with_the_way_out(subject):
    graph = "(float[N,T] x) => (float[N,1] y) <float[4,1] w = {1, 1, 1, 1}> { y = MatMul(x, w) }"
    first = subject("a", graph)
    with pytest.raises(InputError, match='"a": the model cannot run on x: ') as caught:
        verify(first, first, asked(first))
    assert "--range" in caught.value.hint


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.body(x))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Subject:
    """A bundle of the small network, with normalisation before it and softmax behind it."""
    said = {"inputs": ["x: float32[N,3]"], "head": "softmax", "mean": (0.5,), "std": (0.2,)}
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    shipping.export(Small(), None, folder, **said)
    return of_onnx("bundle", folder)


def test_a_bundle_agrees_with_its_module_whose_head_and_normalisation_it_tells(bundle):
    network = of_network("net.py", Small(), bundle, {})
    assert verify(network, bundle, asked(network)).max_abs < 1e-6


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("head", r'it begins at Gemm "\w+" in network\.head \(Linear\): "\w+"\[0, \d\] is'),
        ("body.0", r"it begins at Gemm \S+ in network\.body\.0 \(Linear\): "),
    ],
)
def test_weights_that_are_not_those_shipped_are_named_by_their_module(bundle, part, said):
    changed = Small()
    changed.get_submodule(part).weight.data[0] += 0.5
    network = of_network("net.py", changed, bundle, {})
    with pytest.raises(ParityError, match=said):
        verify(network, bundle, asked(network))


@pytest.mark.slow
def test_a_network_of_other_operators_is_not_guessed_about(bundle):
    network = of_network("net.py", nn.Linear(3, 2), bundle, {})
    with pytest.raises(ParityError, match=r"before it that cannot be compared\)$"):
        verify(network, bundle, asked(network))


def test_what_takes_no_short_piece_is_asked_at_the_sizes_its_bundle_was_proved_at(tmp_path):
    graph = """<ir_version: 8, opset_import: ["": 18]> g (float[N,1,T] x) => (float[N,1,U] y)
    <int64[6] pads = {0, 0, 8, 0, 0, 8}> { y = Pad <mode = "reflect"> (x, pads) }"""
    onnx.save(onnx.parser.parse_model(graph), tmp_path / "net.onnx")
    tensors = [Tensor.parse("x: float32[N,1,T]")], [Tensor.parse("y: float32[N,1,U]")]
    card = Manifest("net", "custom", *tensors, parity={"cases": [{"N": 1, "T": 9}, {"N": 7, "T": 30}]})
    write(tmp_path / "net", tmp_path / "net.onnx", card, np.ones((1, 1, 9), np.float32))
    exported = of_onnx("net", tmp_path / "net")
    network = of_network("net.py", torch.nn.ReflectionPad1d(8), exported, {})
    sizes = proved(network, exported)
    assert sizes == {"T": (9, 30)}
    verify(network, exported, Cases(network.inputs, sizes=sizes))
    done = convert(tmp_path / "net", tmp_path / "ort", Form("ort"))
    assert {case["T"] for case in done.card.parity["cases"]} == {9, 30}
