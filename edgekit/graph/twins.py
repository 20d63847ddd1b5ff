"""For shape inference, onnxruntime's own operators stand as standard ones of the same output shape. Imports onnx only.

onnx knows no operator of the domain "com.microsoft", and all that follows one would have no shape. Fused and quantized
graphs are full of them. The twin answers something else, but in the same shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx

from edgekit.graph import tensors
from edgekit.graph.tensors import MICROSOFT, Shape

# Operator -> its twin, and which of its inputs that takes. Attributes go along where the twin knows them.
_TWINS: dict[str, tuple[str, Iterable[int]]] = {
    "FusedConv": ("Conv", (0, 1)),
    "QLinearConv": ("Conv", (0, 3)),
    "FusedGemm": ("Gemm", (0, 1)),
    "QGemm": ("Gemm", (0, 3)),
    **dict.fromkeys(
        ("DynamicQuantizeMatMul", "GemmFastGelu", "MatMulInteger16", "MatMulIntegerToFloat"), ("MatMul", (0, 1))
    ),
    **dict.fromkeys(("QLinearAdd", "QLinearMul"), ("Add", (0, 3))),
    "BiasGelu": ("Add", (0, 1)),
    "QLinearConcat": ("Concat", range(2, 10_000, 3)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "EmbedLayerNormalization": ("Gather", (2, 0)),
    **dict.fromkeys(
        (
            "BiasSoftmax", "DequantizeLinear", "FastGelu", "Gelu", "GroupNorm", "QLinearLeakyRelu", "QLinearSigmoid",
            "QLinearSoftmax", "QuantizeLinear", "QuickGelu", "RotaryEmbedding", "SkipLayerNormalization",
            "SkipSimplifiedLayerNormalization",
        ),
        ("Identity", (0,)),
    ),
}  # fmt: skip
_EINSUMS = ("FusedMatMul", "TransposeMatMul", "MultiHeadAttention")
_WITH_WEIGHTS = ("Attention", "MatMulNBits", "QAttention")


def has_twin(node: onnx.NodeProto) -> bool:
    """Tell whether a node may have a twin."""
    return node.domain == MICROSOFT and node.op_type in (*_TWINS, *_EINSUMS, *_WITH_WEIGHTS)


def substitute(model: onnx.ModelProto) -> None:
    """Put the twins into `model`, in place; node by node, so that the graphs stay alike."""
    opset = next((entry.version for entry in model.opset_import if entry.domain in tensors.STANDARD_NAMES), 1)
    known = {constant.name: constant.shape for constant in tensors.constants(model.graph)}
    for graph in tensors.graphs(model.graph):
        for node in graph.node:
            if has_twin(node):
                twin = _twin(node, known, model.graph)
                if twin is not None:
                    _keep_known(twin, opset)
                    node.CopyFrom(twin)


def _twin(node: onnx.NodeProto, known: Mapping[str, Shape], graph: onnx.GraphProto) -> onnx.NodeProto | None:
    given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if given.get("channels_last") or given.get("transBatchA") or given.get("transBatchB"):
        return None
    inputs, outputs = list(node.input), node.output[:1]
    needed = 3 if node.op_type == "MultiHeadAttention" else 2 if node.op_type not in _TWINS else 1
    if len(inputs) < needed or not outputs:
        return None
    if node.op_type == "MultiHeadAttention":
        return onnx.helper.make_node("Einsum", [inputs[0], inputs[2]], outputs, equation="bsq,btv->bsv")
    if node.op_type in _EINSUMS:
        a, b = "km" if given.get("transA") else "mk", "nk" if given.get("transB") else "kn"
        # onnx tells nothing of dots that stand for different ranks, and weights have two axes alone.
        first, second = ("" if len(known.get(name, ())) == 2 else "..." for name in inputs[:2])
        dots = first or second
        return onnx.helper.make_node("Einsum", inputs[:2], outputs, equation=f"{first}{a},{second}{b}->{dots}mn")
    if node.op_type in _WITH_WEIGHTS:
        shape = _weights(node, given, known)
        if shape is None:
            return None
        name = f"{outputs[0]}/weights"
        graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        return onnx.helper.make_node("MatMul", [inputs[0], name], outputs)
    operator, positions = _TWINS[node.op_type]
    taken = [inputs[position] for position in positions if position < len(inputs)]
    twin = onnx.helper.make_node(operator, taken, outputs)
    twin.attribute.extend(node.attribute)
    return twin


def _weights(node: onnx.NodeProto, given: Mapping[str, object], known: Mapping[str, Shape]) -> Shape | None:
    """Return the shape of a matrix that leads from the node's first input to its first output."""
    if node.op_type == "MatMulNBits":
        inner, outer = given.get("K"), given.get("N")
        return (inner, outer) if isinstance(inner, int) and isinstance(outer, int) else None
    shape = known.get(node.input[1])
    if shape is None or len(shape) != 2:
        return None
    sizes = given.get("qkv_hidden_sizes")
    return shape[0], (sizes[2] if isinstance(sizes, list) and len(sizes) == 3 else shape[1] // 3)


def _keep_known(twin: onnx.NodeProto, opset: int) -> None:
    """Drop the attributes that the standard operator does not have."""
    try:
        names = set(onnx.defs.get_schema(twin.op_type, opset).attributes)
    except onnx.defs.SchemaError:
        names = set()
    kept = [each for each in twin.attribute if each.name in names]
    del twin.attribute[:]
    twin.attribute.extend(kept)
