from __future__ import annotations

import onnxruntime
import pytest
import torch
from torch import nn

from edgekit.compression import layers
from edgekit.compression.layers import Layer

LAYERS = {
    "convolution": (nn.Conv2d(3, 8, 3, 2, 1), (2, 3, 9, 7)),
    "same padding": (nn.Conv2d(3, 8, 5, padding="same", dilation=2), (2, 3, 9, 9)),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8), (2, 8, 9, 9)),
    "grouped": (nn.Conv2d(8, 16, (1, 3), groups=2), (2, 8, 9, 9)),
    "one dimension": (nn.Conv1d(3, 8, 4, 2), (2, 3, 9)),
    "transposed": (nn.ConvTranspose2d(4, 8, 3, 2, 1), (2, 4, 5, 6)),
    "linear": (nn.Linear(6, 4), (2, 5, 6)),
    "attention": (nn.MultiheadAttention(8, 2, batch_first=True), (2, 5, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_graph_has_the_layers_sizes(name):
    module, shape = LAYERS[name]

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = module

        def forward(self, x):
            return self.layer(x, x, x)[0] if name == "attention" else self.layer(x)

    network = Network().eval()
    example = torch.zeros(shape)
    (layer,) = layers.layers(network, example)["layer"]
    session = onnxruntime.InferenceSession(layers.model(layer).SerializeToString())
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    answer = network(example)
    assert given.shape == [layer.rows, layer.outputs, *layer.extent]
    (got,) = session.run(None, {"x": torch.zeros(taken.shape).numpy()})
    if layer.operator == "Gemm":
        assert layer.rows == 10
        assert got.shape == (10, 32 if name == "attention" else answer.shape[-1])
    else:
        assert taken.shape == list(shape)
        assert got.shape == tuple(answer.shape)


def test_a_layer_that_runs_twice_counts_twice():
    shared = nn.Linear(4, 4)
    network = nn.Sequential(shared, nn.ReLU(), shared)
    assert layers.layers(network, torch.zeros(3, 4)) == {"0": [Layer("Gemm", 3, 4, 4)] * 2}


def test_layers_of_other_sizes_have_other_names():
    one = Layer("Conv", 1, 8, 16, 1, (9, 9), (3, 3), (1, 1), (1, 1), (1, 1))
    others = [one._replace(**{name: value}) for name, value in (
        ("operator", "ConvTranspose"), ("rows", 2), ("inputs", 16), ("outputs", 8), ("groups", 8), ("spatial", (9, 8)),
        ("kernel", (3, 1)), ("stride", (2, 2)), ("padding", (0, 0)), ("dilation", (2, 2)),
    )]  # fmt: skip
    assert len({one.key, *(other.key for other in others)}) == 11
