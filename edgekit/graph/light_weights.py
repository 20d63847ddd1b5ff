"""Weights alone in 8 or 4 bits, or activations turned into 8 bits while the model runs: no calibration. onnx.

For products of matrices, of which language encoders consist; convolutions stay in float. Imports onnxruntime.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

from edgekit.graph import cleaning
from edgekit.graph.original import Original
from edgekit.graph.silence import silenced

_BLOCK = 32  # weights that share a scale; the runtime's kernels know 16 to 256


def products(original: Original) -> list[str]:
    """Name the weighted nodes that these ways change: MatMul, which alone has kernels for it (Gemm has none)."""
    nodes = original.prepared.graph.node
    return [node.name for node in nodes if node.op_type == "MatMul" and node.name in original.weighted]


def dynamic(original: Original, exclude: Sequence[str] = (), *, reduce_range: bool = False) -> onnx.ModelProto:
    """Return a twin with int8 weights whose activations become uint8 while it runs, each batch by its own range."""
    chosen = [name for name in products(original) if name not in exclude]
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder, silenced():
        target = Path(folder) / "int8.onnx"
        model = onnx.ModelProto()
        model.CopyFrom(original.prepared)  # the quantizer writes into what it is given
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=chosen,
            per_channel=True,
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
        )
        return _cleaned(onnx.load(target), original)


def weights_only(original: Original, bits: int, exclude: Sequence[str] = ()) -> onnx.ModelProto:
    """Return a twin whose products keep their weights in `bits` (4 or 8), with a scale for each block of 32.

    The kernel may turn the activations into int8 for the product (accuracy level 4), which is what makes it fast.
    """
    model = onnx.ModelProto()
    model.CopyFrom(original.prepared)
    chosen = [name for name in products(original) if name not in exclude]
    with silenced():
        quantizer = MatMulNBitsQuantizer(
            model, bits=bits, block_size=_BLOCK, is_symmetric=True, accuracy_level=4, nodes_to_include=chosen
        )
        quantizer.process()
    return _cleaned(quantizer.model.model, original)


def _cleaned(model: onnx.ModelProto, original: Original) -> onnx.ModelProto:
    del model.metadata_props[:]
    model.metadata_props.extend(original.model.metadata_props)
    return cleaning.strip(model)
