from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn import functional as F

from edgekit.compression import trained_graph
from edgekit.compression.fake_quantized import FakeQuantized
from edgekit.compression.trained_graph import Proof
from edgekit.errors import ParityError
from edgekit.exporting.deployment import Deployment
from edgekit.graph.schemes import SCHEMES
from edgekit.signature import Tensor

DEPLOYMENT = Deployment(Tensor.parse("image: uint8[N,8,8,1]"), "probabilities", mean=(0.5,), std=(0.25,))


class Net(nn.Module):
    """A stem on one channel, a residual block, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.inner, self.head = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.stem(x)))
        return self.head(F.relu(self.inner(x) + x).mean((2, 3)))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def trained(images: np.ndarray) -> FakeQuantized:
    """A network that was trained in 8 bits for some steps."""
    torch.manual_seed(0)
    inputs = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    rounded = FakeQuantized(Net(), inputs[:2], SCHEMES["u8s8"])
    rounded.calibrate([inputs])
    optimizer = torch.optim.SGD(rounded.parameters(), 0.1)
    for _ in range(10):
        loss = F.cross_entropy(rounded.train()(inputs), torch.arange(32) % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return rounded


@pytest.fixture(scope="module")
def written(
    trained: FakeQuantized, images: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Proof, onnx.ModelProto]:
    target = tmp_path_factory.mktemp("trained") / "model.onnx"
    return trained_graph.write(trained, DEPLOYMENT, images, target), onnx.load(target)


def test_the_graph_is_the_trained_network_within_rounding(written: tuple[Proof, onnx.ModelProto]):
    proof, model = written
    assert proof.same > 0.9999 and proof.within == 1 and proof.most <= 1
    assert proof.answers < 0.01 and proof.fused < 0.01 and proof.decided == 1
    constants = [(each.data_type, tuple(each.dims)) for each in model.graph.initializer]
    assert {(onnx.TensorProto.INT8, (8, 8, 3, 3)), (onnx.TensorProto.INT8, (3, 8))} <= set(constants)
    assert {(onnx.TensorProto.INT32, (8,)), (onnx.TensorProto.INT32, (3,))} <= set(constants)
    assert (onnx.TensorProto.FLOAT, (8, 1, 3, 3)) in constants, "the stem has one channel alone"
    assert [value.type.tensor_type.shape.dim[0].dim_param for value in model.graph.input] == ["N"]


def test_integer_biases_are_of_the_scale_of_their_sums(trained: FakeQuantized, written: tuple[Proof, onnx.ModelProto]):
    graph = written[1].graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    (head,) = (node for node in graph.node if node.op_type == "Gemm")
    taken, weights, bias = (makers[name] for name in head.input)
    scale = values[bias.input[1]]
    assert np.array_equal(scale, values[taken.input[1]] * values[weights.input[1]])
    floats = dict(trained.named_parameters())["program.head.bias"].detach().numpy()
    assert np.allclose(values[bias.input[0]] * scale, floats, rtol=0, atol=scale.max())


def spoil_head(model: onnx.ModelProto) -> None:
    (head,) = (node for node in model.graph.node if node.op_type == "Gemm")
    next(each for each in head.attribute if each.name == "alpha").f = 2.0


def spoil_scale(model: onnx.ModelProto) -> None:
    first = next(node for node in model.graph.node if node.op_type == "QuantizeLinear")
    scale = next(tensor for tensor in model.graph.initializer if tensor.name == first.input[1])
    scale.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(scale) * np.float32(1.05), scale.name))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(spoil_head, "answers are .* times as far off"), (spoil_scale, r"[\d.]+% of its 8-bit values are within a step")],
    ids=["head", "scale"],
)
def test_another_model_is_refused(
    spoil: Callable[[onnx.ModelProto], None], said: str, trained: FakeQuantized,
    written: tuple[Proof, onnx.ModelProto], images: np.ndarray,
):  # fmt: skip
    model = onnx.ModelProto()
    model.CopyFrom(written[1])
    spoil(model)
    with pytest.raises(ParityError, match=f"is not the network trained in 8 bits: .*{said}"):
        trained_graph.prove(trained, DEPLOYMENT, images, model)
