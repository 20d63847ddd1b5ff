"""Makes a graph smaller without changing what it computes: constants folded, dead and double nodes gone, nodes fused.

OnnxSlim does the work; it is asked again until it finds nothing more, so that slimming twice is slimming once. That the
result still answers alike is for a proof to say.
"""

from __future__ import annotations

import contextlib
import io
from typing import NamedTuple

import onnx

from edgekit.extras import need
from edgekit.graph import cleaning, storage, tensors

_ROUNDS = 4  # what a small graph needs is two: one that works, one that finds nothing


class Slimmed(NamedTuple):
    """A slimmed model, and its nodes and bytes (before, after)."""

    model: onnx.ModelProto
    nodes: tuple[int, int]
    bytes: tuple[int, int]


def slim(model: onnx.ModelProto) -> Slimmed | None:
    """Return `model` with fewer nodes and the same inputs, outputs, opset, IR version and metadata.

    None where no node can be spared, where OnnxSlim stumbles over the model, or would change it without end; and of one
    whose weights are too large for one file, which OnnxSlim would copy several times.
    """
    if storage.is_large(model):
        return None
    slimmed = _settled(model)
    if slimmed is None or len(slimmed.graph.node) >= len(model.graph.node):
        return None
    return Slimmed(slimmed, (len(model.graph.node), len(slimmed.graph.node)), (model.ByteSize(), slimmed.ByteSize()))


def _settled(model: onnx.ModelProto) -> onnx.ModelProto | None:
    before = model
    for _ in range(_ROUNDS):
        after = _once(before)
        if after is None or (before is not model and after == before):
            return after
        before = after
    return None


def _once(model: onnx.ModelProto) -> onnx.ModelProto | None:
    onnxslim = need("onnxslim", "slimming an ONNX graph")
    given = onnx.ModelProto()
    given.CopyFrom(model)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            slimmed = cleaning.strip(onnxslim.slim(given))
        slimmed.ir_version = model.ir_version
        told = {value.name: value for value in model.graph.value_info}  # it tells many more, some of them twice
        shapes = {value.name: value for value in slimmed.graph.value_info if value.name in told}
        del slimmed.graph.value_info[:]
        slimmed.graph.value_info.extend(shapes.values())
        cleaning.set_metadata(slimmed, {entry.key: entry.value for entry in model.metadata_props})
        cleaning.check(slimmed)
    except Exception:  # it is a convenience: what it cannot read may still be a good model
        return None
    same = all(way(slimmed) == way(model) for way in (tensors.inputs, tensors.outputs))
    return slimmed if same and list(slimmed.opset_import) == list(model.opset_import) else None
