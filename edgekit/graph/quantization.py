"""Float to 8-bit integers after training, by QuantizeLinear/DequantizeLinear pairs. Imports onnx and onnxruntime.

What is quantized, and why (ResNets and plain convolutions, batch 1, one thread, AVX-512 VNNI):
- Weights int8, activations uint8 (u8s8): the one pair with fast kernels on x86. int8 activations ran at 0.6x of fp32.
- Convolutions and products with constant float32 weights, and between them what only moves or joins 8-bit values. What
  stands before the first (scaling of pixels) and after the last (softmax) stays in float.
- A convolution of fewer than four input channels stays in float: the 8-bit kernel has nothing to gain on so short
  sums (1.36x became 1.61x on a ResNet-8, 0.90x became 1.18x with a stride-2 stem), and the answer is nearer.
- A product that no 8-bit node reads (the logits) answers in float: 11 to 37 % less error, at no cost.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.shape_inference
import onnx.version_converter
import onnxruntime
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import TensorData, TensorsData

from edgekit.errors import ModelError, nearest
from edgekit.graph import calibration, cleaning, storage, tensors
from edgekit.graph.calibration import Ranges, Sample
from edgekit.graph.selection import Selection, select

OPSET = 13  # the first whose DequantizeLinear takes a scale for each channel
_QUANTIZED = (
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "QLinearConv",
    "QLinearMatMul",
    "ConvInteger",
)


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
    model = storage.load(source)
    tensors.name_nodes(model.graph.node)
    done = sorted({node.op_type for node in model.graph.node} & set(_QUANTIZED))
    if done:
        raise ModelError(
            f'"{source}" is quantized already: it contains {", ".join(done)}', "quantize the float model it came from"
        )
    _refuse_unknown(exclude, [node.name for node in model.graph.node], source)
    prepared = _prepared(model, source)
    selection = select(prepared.graph, exclude)
    if not selection.chosen:
        raise ModelError(
            f'"{source}" has nothing to quantize: no Conv, Gemm or MatMul with constant float32 weights that may be',
            "; ".join(f"{name}: {reason}" for name, reason in selection.kept.items()) or None,
        )
    ranges = calibration.ranges(prepared, selection.tensors(), samples)
    result = _quantized(prepared, selection, ranges, per_channel, reduce_range)
    del result.metadata_props[:]
    result.metadata_props.extend(model.metadata_props)
    result = cleaning.strip(result)
    cleaning.check(result)
    storage.save(result, target)
    return {
        "operators": dict(Counter(node.op_type for node in selection.chosen).most_common()),
        "float": selection.kept,
        "weights": "int8",
        "activations": "uint8",
        "per_channel": per_channel,
        "reduce_range": reduce_range,
        "calibration": {"method": "min-max", "examples": ranges.examples},
    }


def _refuse_unknown(exclude: Sequence[str], names: list[str], source: Path) -> None:
    for name in exclude:
        if name not in names:
            near = nearest(name, names)
            raise ModelError(
                f'"{source}" has no node "{name}" to exclude',
                f'did you mean "{near}"?' if near else "edgekit inspect --layers lists the names",
            )


def _prepared(model: onnx.ModelProto, source: Path) -> onnx.ModelProto:
    """Return `model` at an opset that fits, constants folded, batch normalisation inside the convolutions."""
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), OPSET)
    if opset < OPSET:
        try:
            model = onnx.version_converter.convert_version(model, OPSET)
        except (RuntimeError, ValueError) as error:  # onnx's ConvertError is a RuntimeError
            raise ModelError(
                f'"{source}" has opset {opset}, and converting it to {OPSET} failed: {error}', "export it again, newer"
            ) from None
    # Before IR 4 every initializer was an input too, which nobody may fold.
    given = {tensor.name for tensor in model.graph.initializer}
    feeds = [value for value in model.graph.input if value.name not in given]
    del model.graph.input[:]
    model.graph.input.extend(feeds)
    model.ir_version = max(model.ir_version, onnx.helper.find_min_ir_version_for(model.opset_import, True))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        options.optimized_model_filepath = str(Path(folder) / "prepared.onnx")
        try:
            onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common type below Exception
            raise ModelError(f'onnxruntime does not load "{source}": {str(error).splitlines()[0]}') from None
        prepared = onnx.load(options.optimized_model_filepath)
    tensors.name_nodes(prepared.graph.node)
    return onnx.shape_inference.infer_shapes(prepared)


class _Quantizer(QDQQuantizer):  # type: ignore[misc]
    """onnxruntime's quantizer, told which tensors to leave in float."""

    left_in_float: frozenset[str] = frozenset()

    def quantize_activation_tensor(self, tensor_name: str) -> None:
        if tensor_name not in self.left_in_float:
            super().quantize_activation_tensor(tensor_name)


def _quantized(
    model: onnx.ModelProto, selection: Selection, ranges: Ranges, per_channel: bool, reduce_range: bool
) -> onnx.ModelProto:
    found = {
        name: TensorData(lowest=np.array([low]), highest=np.array([high]))
        for name, low, high in zip(ranges.names, ranges.lowest, ranges.highest, strict=True)
    }
    with _silence():
        quantizer = _Quantizer(
            model,
            per_channel,
            reduce_range,
            QuantType.QInt8,
            QuantType.QUInt8,
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
    # onnxruntime infers these again, and names every domain it knows: both are bytes for nothing in a small model.
    del result.graph.value_info[:]
    used = {node.domain for node in result.graph.node}
    imports = [entry for entry in result.opset_import if entry.domain in used]
    del result.opset_import[:]
    result.opset_import.extend(imports)
    return result


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the quantizer quiet: it warns through the root logger, and would set that up for the whole program."""
    root, quiet = logging.getLogger(), logging.NullHandler()
    disabled = root.manager.disable
    root.addHandler(quiet)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.removeHandler(quiet)
