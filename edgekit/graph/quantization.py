"""Float to 8-bit integers after training, by QuantizeLinear/DequantizeLinear pairs. Imports onnx and onnxruntime.

What is quantized, and why (ResNets and plain convolutions, batch 1, one thread, AVX-512 VNNI):
- Weights int8, activations uint8 (u8s8): the one pair with fast kernels on x86. int8 activations ran at 0.6x of fp32.
  `schemes` has the others, for other processors.
- Convolutions and products with constant float32 weights, and between them what only moves or joins 8-bit values. What
  stands before the first (scaling of pixels) and after the last (softmax) stays in float.
- A convolution of fewer than four input channels stays in float: the 8-bit kernel has nothing to gain on so short
  sums (1.36x became 1.61x on a ResNet-8, 0.90x became 1.18x with a stride-2 stem), and the answer is nearer.
- A product that no 8-bit node reads (the logits) answers in float: 11 to 37 % less error, at no cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData

from edgekit.graph import cleaning, staying_float, storage
from edgekit.graph.calibration import Ranges, Sample
from edgekit.graph.original import Original
from edgekit.graph.schemes import Scheme
from edgekit.graph.silence import silenced

_TYPES = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8}


def quantize_static(
    source: Path,
    target: Path,
    samples: Iterable[Sample],
    *,
    per_channel: bool = True,
    reduce_range: bool = False,
    exclude: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the 8-bit twin of `source` to `target`; `source` is not touched.

    `samples`: feeds by input name, one batch each, taken one at a time. `per_channel`: a scale for each output channel
    of the weights. `reduce_range`: 7-bit weights, for x86 processors without VNNI, whose 8-bit sums saturate.
    `exclude`: names of nodes to leave in float, as inspection shows them.

    Returns what was done: {"operators": {operator: nodes made 8-bit}, "float": {node: why it stayed in float},
    "weights", "activations", "per_channel", "reduce_range", "calibration": {"method", "examples"}}.

    Raises ModelError where the model is quantized already, has nothing to quantize or no node of an excluded name;
    InputError and DataError for samples that do not fit; BundleError where `source` is no ONNX.
    """
    original = Original(source, exclude)
    ranges = original.calibrate(samples)
    scheme = Scheme("u8s8", "uint8", "int8", reduce_range, per_channel)
    result = quantize(original, ranges, scheme)
    cleaning.check(result)
    storage.save(result, target)
    selection = original.selection()
    return {
        "operators": dict(Counter(node.op_type for node in selection.chosen).most_common()),
        "float": selection.kept,
        "weights": "int8",
        "activations": "uint8",
        "per_channel": per_channel,
        "reduce_range": reduce_range,
        "calibration": {"method": "min-max", "examples": ranges.examples},
    }


class _Quantizer(QDQQuantizer):  # type: ignore[misc]
    """onnxruntime's quantizer, told which tensors to leave in float."""

    left_in_float: frozenset[str] = frozenset()

    def quantize_activation_tensor(self, tensor_name: str) -> None:
        if tensor_name not in self.left_in_float:
            super().quantize_activation_tensor(tensor_name)


def quantize(original: Original, ranges: Ranges, scheme: Scheme, exclude: Sequence[str] = ()) -> onnx.ModelProto:
    """Return the 8-bit twin of `original`, with the nodes named in `exclude` left in float."""
    selection = original.selection(exclude)
    prepared = onnx.ModelProto()
    prepared.CopyFrom(original.prepared)
    found = {
        name: TensorData(lowest=np.array([low]), highest=np.array([high]))
        for name, low, high in zip(ranges.names, ranges.lowest, ranges.highest, strict=True)
    }
    with silenced():
        quantizer = _Quantizer(
            prepared,
            scheme.per_channel,
            scheme.reduce_range,
            _TYPES[scheme.weights],
            _TYPES[scheme.activations],
            TensorsData(CalibrationMethod.MinMax, found),
            [node.name for node in selection.chosen],
            [],
            sorted({node.op_type for node in selection.chosen}),
            {},
        )
        quantizer.left_in_float = selection.float_answers
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    result = quantizer.model.model
    staying_float.keep(result, selection.kept)
    # onnxruntime infers these again, and names every domain it knows: both are bytes for nothing in a small model.
    del result.graph.value_info[:]
    used = {node.domain for node in result.graph.node}
    imports = [entry for entry in result.opset_import if entry.domain in used]
    del result.opset_import[:]
    result.opset_import.extend(imports)
    del result.metadata_props[:]
    result.metadata_props.extend(original.model.metadata_props)
    return cleaning.strip(result)
