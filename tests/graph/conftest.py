"""Graphs as text, their larger weights as arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx.parser
import pytest


@pytest.fixture
def parse() -> Callable[..., onnx.ModelProto]:
    """Read a model; arrays given by name become initializers."""

    def read(text: str, **weights: np.ndarray) -> onnx.ModelProto:
        model = onnx.parser.parse_model(text)
        model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
        return model

    return read


@pytest.fixture
def cnn(parse: Callable[..., onnx.ModelProto]) -> onnx.ModelProto:
    """Return a small residual network with everything around it: pixels in, probabilities out."""
    rng = np.random.default_rng(0)

    def weight(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * (2 / np.prod(shape[1:])) ** 0.5).astype(np.float32)

    return parse(
        """<ir_version: 8, opset_import: ["": 17]>
        cnn (uint8[N,8,8,1] image) => (float[N,5] probabilities)
        <float scale = {0.0039}> {
            [layout] nchw = Transpose<perm=[0,3,1,2]>(image)
            [cast] pixels = Cast<to=1>(nchw)
            [normalise] x = Mul(pixels, scale)
            [stem] s = Conv<pads=[1,1,1,1]>(x, w0, b0)
            [stem_relu] r0 = Relu(s)
            [first] c1 = Conv<pads=[1,1,1,1]>(r0, w1, b1)
            [first_relu] r1 = Relu(c1)
            [second] c2 = Conv<pads=[1,1,1,1]>(r1, w2, b2)
            [join] a = Add(c2, r0)
            [join_relu] r2 = Relu(a)
            [pool] p = GlobalAveragePool(r2)
            [flat] f = Flatten(p)
            [head] logits = Gemm<transB=1>(f, w3, b3)
            [softmax] probabilities = Softmax<axis=1>(logits)
        }""",
        w0=weight(8, 1, 3, 3),
        w1=weight(8, 8, 3, 3),
        w2=weight(8, 8, 3, 3),
        w3=weight(5, 8),
        b0=weight(8),
        b1=weight(8),
        b2=weight(8),
        b3=weight(5),
    )
