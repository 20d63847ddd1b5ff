from __future__ import annotations

import copy
from pathlib import Path

import onnx
import pytest
import torch

from edgekit.errors import InputError, ModelError
from edgekit.training.onnx_network import OnnxNetwork

HEAD = '<ir_version: 8, opset_import: ["": 17]>\n'
# Two logits: the sum over the pixels of each of two rows.
FLOATS = """agraph (float[N,1,2,3] x) => (float[N,2] y)
<int64[2] axes = {1, 3}> { y = ReduceSum<keepdims=0>(x, axes) }"""
PIXELS = """agraph (uint8[N,2,3,1] x) => (float[N,2] y)
<int64[2] axes = {2, 3}> { f = Cast<to=1>(x) y = ReduceSum<keepdims=0>(f, axes) }"""
CHANCES = """agraph (float[N,1,2,3] x) => (float[N,2] y)
<int64[2] axes = {1, 3}> { s = ReduceSum<keepdims=0>(x, axes) y = Softmax<axis=-1>(s) }"""
TWO = "agraph (float[N] a, float[N] b) => (float[N] y) { y = Add(a, b) }"


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        onnx.save(onnx.parser.parse_model(HEAD + text), tmp_path / "teacher.onnx")
        return tmp_path / "teacher.onnx"

    return write


def test_a_file_that_takes_what_networks_take_answers_as_it_says(write):
    inputs = torch.randn(5, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    network = OnnxNetwork(write(FLOATS)).eval()
    torch.testing.assert_close(network(inputs), inputs.sum((1, 3)))
    torch.testing.assert_close(copy.deepcopy(network)(inputs), inputs.sum((1, 3)))
    assert not list(network.parameters())


@pytest.mark.parametrize(("mean", "std"), [((), ()), ((0.286,), (0.353,))], ids=["as they are", "normalised"])
def test_a_file_that_takes_pixels_is_given_the_very_pixels(write, mean, std):
    pixels = torch.arange(256).repeat(3)[:762].reshape(127, 1, 2, 3)
    scaled = (pixels / 255 - (mean or (0.0,))[0]) / (std or (1.0,))[0]
    answer = OnnxNetwork(write(PIXELS), mean, std)(scaled.float())
    assert torch.equal(answer, pixels.sum((1, 3)).float())


def test_probabilities_become_logits(write):
    inputs = torch.randn(5, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    logits = OnnxNetwork(write(CHANCES))(inputs)
    torch.testing.assert_close(logits.softmax(1), inputs.sum((1, 3)).softmax(1))
    assert (logits < 0).all()
    assert OnnxNetwork(write(CHANCES))(1e4 * inputs).isfinite().all()


def test_what_the_file_does_not_take_is_an_error_that_says_so(write):
    with pytest.raises(InputError, match="the model cannot run on"):
        OnnxNetwork(write(FLOATS))(torch.zeros(2, 3, 4, 4))
    with pytest.raises(ModelError, match="a teacher takes one input"):
        OnnxNetwork(write(TWO))(torch.zeros(2))
