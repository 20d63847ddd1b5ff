"""A float model made ready to be quantized: refused where it is no such model, its constants folded. Imports onnx."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import onnx
import onnx.shape_inference
import onnx.version_converter
import onnxruntime

from edgekit.errors import ModelError, nearest
from edgekit.graph import calibration, storage, tensors
from edgekit.graph.calibration import Ranges, Sample
from edgekit.graph.histograms import Method
from edgekit.graph.selection import Selection, select

OPSET = 13  # the first whose DequantizeLinear takes a scale for each channel
_QUANTIZED = (
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
    "MatMulInteger", "MatMulNBits",
)  # fmt: skip


class Original:
    """A float model. `prepared` is what is quantized, with batch normalisation inside its convolutions.

    `weighted`: the names of the nodes that 8 bits may save time in. Raises ModelError where the model is quantized
    already, or has nothing to quantize.
    """

    def __init__(self, source: Path, exclude: Sequence[str] = ()) -> None:
        self.source = source
        self.model = storage.load(source)
        tensors.name_nodes(self.model.graph.node)
        if done := quantized_operators(self.model):
            raise ModelError(
                f'"{source}" is quantized already: it contains {", ".join(done)}',
                "quantize the float model it came from",
            )
        _refuse_unknown(exclude, [node.name for node in self.model.graph.node], source)
        self.exclude = tuple(exclude)
        self.prepared = _prepared(self.model, source)
        everything = self.selection()
        if not everything.chosen:
            raise ModelError(
                f'"{source}" has nothing to quantize: no Conv, Gemm or MatMul with constant float32 weights may be',
                "; ".join(f"{name}: {reason}" for name, reason in everything.kept.items()) or None,
            )
        self.weighted = everything.weighted

    def selection(self, exclude: Sequence[str] = ()) -> Selection:
        """Choose what becomes 8-bit, when the nodes of `exclude` stay in float too."""
        return select(self.prepared.graph, (*self.exclude, *exclude))

    def calibrate(self, samples: Iterable[Sample], method: Method = "min-max") -> Ranges:
        """Return the ranges of all that may become 8-bit over `samples`, feeds by input name, one batch each.

        What a ReLU or Clip right behind cuts off is not told apart before it either. Raises InputError and DataError
        for samples that do not fit.
        """
        found = calibration.ranges(self.prepared, self.selection().tensors(), samples, method)
        places = {name: index for index, name in enumerate(found.names)}
        for before, after in self._cut_off():
            if before in places and after in places:
                for limits in (found.lowest, found.highest):
                    limits[places[before]] = limits[places[after]]
        return found

    def _cut_off(self) -> list[tuple[str, str]]:
        """List what a Relu or Clip reads, where nothing else reads it, with what it makes of it."""
        graph = self.prepared.graph
        reads = [name for node in graph.node for name in node.input] + [value.name for value in graph.output]
        return [
            (node.input[0], node.output[0])
            for node in graph.node
            if node.op_type in ("Relu", "Clip") and reads.count(node.input[0]) == 1
        ]


def quantized_operators(model: onnx.ModelProto) -> list[str]:
    """Name the operators of 8 bits, or fewer, that a model has."""
    return sorted({node.op_type for node in model.graph.node} & set(_QUANTIZED))


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
