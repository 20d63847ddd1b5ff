"""The ways to quantize after training, each of them a twin of one float model. Imports onnx, no torch.

Which ways are fast and safe is the processor's affair, so those that may be are made and measured. A way for another
processor can be named, and is measured here all the same, but not for there.

Channels are not equalized across layers (Nagel et al. 2019, section 4.1): tried on every pair of Conv or Gemm with a
Relu or nothing between, depthwise ones included, at weights by channel and biases corrected it changed 93.36 to 93.36 %
agreement of EfficientNet-Lite0 (2 pairs; 256 crops of `bench/photos.py`), 92.52 to 92.38 % accuracy of a depthwise
separable network (7 pairs) and 93.52 to 93.53 % of a ResNet-8 (3 pairs), both on 9,488 examples of Fashion-MNIST.
Nearly all pairs of EfficientNet-Lite0 have a Clip between; with Relu for it 30 % of its float answers stayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx

from edgekit.errors import ModelError
from edgekit.graph import correction, halving, light_weights
from edgekit.graph.calibration import Ranges, Sample
from edgekit.graph.histograms import Method
from edgekit.graph.original import Original
from edgekit.graph.quantization import quantize
from edgekit.graph.schemes import SCHEMES
from edgekit.graph.sensitivity import answers, divergence, sensitivity

DYNAMIC, WEIGHTS = "dynamic", {"weights-8": 8, "weights-4": 4}
HALF = "fp16"  # of use for its size alone on a processor, which computes much of it in float32 all the same
WAYS = (*SCHEMES, DYNAMIC, *WEIGHTS, HALF)
# What kernels there are for, by the documentation of the runtimes; only that of this processor is measured.
TARGETS = {"vnni": "u8s8", "avx2": "u8s7", "arm": "s8s8", "cuda": "s8s8", "tensorrt": "s8s8"}
_STATED = {
    "u8s8": "uint8 activations, int8 weights",
    "u8s7": "uint8 activations, weights of 7 bits",
    "s8s8": "int8 activations, int8 weights",
    "u8u8": "uint8 activations, uint8 weights",
    DYNAMIC: "int8 weights, activations uint8 by the range of each batch",
    "weights-8": "weights of 8 bits, in blocks",
    "weights-4": "weights of 4 bits, in blocks",
    HALF: "float16: half the size, and no faster on a CPU",
}


def stated(way: str) -> str:
    """Say what a way is, for people."""
    return _STATED[way]


@dataclass
class Workshop:
    """Makes the twins of one model; it is calibrated once.

    `samples`: the calibration's feeds, one batch each. `method`: how outliers are cut off. `correct`: whether biases
    make up for what 8 bits shift; it is kept only where the answers come nearer by it.
    """

    original: Original
    samples: Sequence[Sample]
    method: Method = "min-max"
    correct: bool = True

    def __post_init__(self) -> None:
        self.ranges: Ranges = self.original.calibrate(self.samples, self.method)
        self.expected = answers(self.original.prepared, self.samples)

    def ways(self, asked: Sequence[str] | None = None, half: bool = False) -> list[str]:
        """Name the ways that fit the model, without products of matrices the static ones alone; or those of `asked`.

        Of float16, which a CPU gains no time by, only where `half` wants it.

        Raises ModelError where one that is asked for has nothing to change.
        """
        fit = [way for way in WAYS if self.layers(way)]
        for way in asked or ():
            if way not in fit:
                raise ModelError(
                    f'"{self.original.source}" has nothing that "{way}" could change: no MatMul with constant weights,'
                    " and there are no such kernels for Conv and Gemm",
                    f"one of {', '.join(fit)}",
                )
        return list(asked or [way for way in fit if half or way != HALF])

    def layers(self, way: str) -> list[str]:
        """Name the layers that a way turns into fewer bits."""
        return self.original.weighted if way in SCHEMES or way == HALF else light_weights.products(self.original)

    def sensitivity(self, way: str, batches: int) -> dict[str, float]:
        """Return how much each layer diverges that is alone quantized, in this very way; the most sensitive first.

        `batches`: of the calibration, that it is found with.
        """
        few = self.samples[:batches]
        return sensitivity(self.original.prepared, self.layers(way), partial(self.rough, way), few)

    def rough(self, way: str, exclude: Sequence[str] = ()) -> onnx.ModelProto:
        """Make the twin of a way, with the nodes named in `exclude` left in float: as fast as it will be."""
        if way == DYNAMIC:
            return light_weights.dynamic(self.original, exclude)
        if way == HALF:
            return halving.halve(self.original.prepared, self.samples, (*self.original.exclude, *exclude)).model
        if way in WEIGHTS:
            return light_weights.weights_only(self.original, WEIGHTS[way], exclude)
        return quantize(self.original, self.ranges, SCHEMES[way], exclude)

    def make(self, way: str, exclude: Sequence[str] = ()) -> onnx.ModelProto:
        """Make the twin of a way, its biases corrected where that brings the answers nearer."""
        plain = self.rough(way, exclude)
        if not self.correct or way not in SCHEMES:
            return plain
        corrected = onnx.ModelProto()
        corrected.CopyFrom(plain)
        if not correction.correct(corrected, self.original.prepared, self.samples):
            return plain
        return min((corrected, plain), key=self.divergence)

    def divergence(self, model: onnx.ModelProto) -> float:
        """Return how far the answers to the calibration's samples are from the float model's."""
        return divergence(self.expected, answers(model, self.samples))


def batches(arrays: dict[str, np.ndarray], size: int) -> list[Sample]:
    """Cut arrays, all of the same number of examples, into feeds of `size` examples."""
    count = min(len(array) for array in arrays.values())
    return [{name: array[at : at + size] for name, array in arrays.items()} for at in range(0, count, size)]


def saturation(model: onnx.ModelProto, samples: Sequence[Sample]) -> float:
    """Return by how much the fused 8-bit kernels answer otherwise than the graph as it is written, at most."""
    fused, plain = answers(model, samples), answers(model, samples, optimized=False)
    return max((float(np.abs(a - b).max(initial=0.0)) for a, b in zip(fused, plain, strict=True)), default=0.0)
