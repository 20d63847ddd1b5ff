"""How much each layer's 8 bits change what a model answers. Imports onnx and onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime

from edgekit.graph.calibration import Sample

Array = np.ndarray[Any, Any]


def sensitivity(
    model: onnx.ModelProto,
    layers: Sequence[str],
    twin: Callable[[Sequence[str]], onnx.ModelProto],
    samples: Sequence[Sample],
    progress: Callable[[str], None] | None = None,
) -> dict[str, float]:
    """Return the divergence of the answers from `model`'s for each of `layers` alone in 8 bits; most first.

    `twin` makes the quantized model with the layers that it is given left in float.
    """
    expected = answers(model, samples)
    found = {}
    for layer in layers:
        others = [name for name in layers if name != layer]
        found[layer] = divergence(expected, answers(twin(others), samples))
        if progress:
            progress(layer)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def answers(model: onnx.ModelProto, samples: Sequence[Sample], optimized: bool = True) -> list[Array]:
    """Return the float outputs of `model` over all samples, joined along the first axis.

    Not `optimized`, the graph is run as it is written.
    """
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs() if each.type in ("tensor(float)", "tensor(float16)")]
    given = [session.run(names, dict(sample)) for sample in samples]
    return [np.concatenate([np.atleast_1d(value) for value in of_one]) for of_one in zip(*given, strict=True)]


def divergence(expected: Sequence[Array], found: Sequence[Array]) -> float:
    """Return how far `found` is from `expected`, both the outputs of one model; 0 where they are the same.

    Of outputs (n, classes) the mean Kullback-Leibler divergence of the classes' probabilities, in nats, the softmax of
    what are no probabilities; of others the squared error over the variance. The largest of all outputs counts.
    """
    return max((_between(a, b) for a, b in zip(expected, found, strict=True)), default=0.0)


def _between(expected: Array, found: Array) -> float:
    expected, found = expected.astype(np.float64), found.astype(np.float64)
    if expected.ndim == 2 and expected.shape[1] > 1:
        p, q = _log_probabilities(expected), _log_probabilities(found)
        return float((np.exp(p) * (p - q)).sum(axis=1).mean())
    error = float(np.square(expected - found).mean())
    return error / max(float(expected.var()), 1e-12)


def _log_probabilities(values: Array) -> Array:
    if values.min() >= 0 and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return np.log(np.maximum(values, 1e-12))
    shifted = values - values.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
