"""The ONNX graph of a network that was trained in 8 bits, and the proof that it answers as the network did.

What is proved is the graph as it is written, with the runtime's optimisations off: it computes the same 8-bit values,
but for those that lie between two steps and fall to the other one because a sum was taken in another order. The kernels
that the runtime then fuses round elsewhere, and saturate on some processors: by how much is told beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from edgekit.compression.fake_quantized import POST, FakeQuantized
from edgekit.errors import ParityError
from edgekit.exporting import ladder
from edgekit.exporting.agreement import Tolerance
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.graph import cleaning, staying_float, storage
from edgekit.graph.sensitivity import answers

_LOOSE = Tolerance(np.inf, 0.0)  # the ladder looks at shapes alone: it asks the fused kernels
_BATCH = 8  # examples whose values are held at once
_SHARE = 0.99  # of the 8-bit values that must be within one step
_FINEST = 1e-7  # a part of the answers that float32 leaves to chance


class Proof(NamedTuple):
    """How near the graph is to the network it was made from, on real examples.

    `same`: the share of all 8-bit values that are the network's; `within`: of those that are at most one step from it;
    `most`: steps between the two furthest apart. `answers`: how far the answers are from the network's, and `fused`:
    how far the runtime's fused kernels answer from the graph as it is written, both as a part of how far rounding to 8
    bits takes the network's answers (root mean squares). `decided`: the share of examples for which the fused kernels
    put the largest answer where the graph does.
    """

    same: float
    within: float
    most: int
    answers: float
    fused: float
    decided: float


def write(trained: FakeQuantized, deployment: Deployment, inputs: np.ndarray, target: Path) -> Proof:
    """Write the graph of `trained` in its deployment to `target`, proved on real `inputs` as an app passes them.

    Raises ParityError where it is another model than the network, and ExportError where no exporter takes it.
    """
    ladder.export(trained.converted(), deployment, inputs, target, _LOOSE)
    model = storage.load(target)
    _integer_biases(model)
    constants = {tensor.name for tensor in model.graph.initializer}
    left = [node.name for node in model.graph.node if len(node.input) > 1 and node.input[1] in constants]
    staying_float.keep(model, left)
    cleaning.check(model)
    storage.save(model, target)
    return prove(trained, deployment, inputs, model)


def prove(trained: FakeQuantized, deployment: Deployment, inputs: np.ndarray, model: onnx.ModelProto) -> Proof:
    """Compare `model` with `trained` on `inputs`. Raises ParityError where they are not equal within rounding."""
    module, name = Deployed(trained.eval(), deployment).eval(), deployment.input.name
    watched = _watched(model)
    counts, told = np.zeros(256, np.int64), list[tuple[np.ndarray, ...]]()
    for at in range(0, len(inputs), _BATCH):
        feeds = {name: inputs[at : at + _BATCH]}
        tensor = torch.from_numpy(np.array(feeds[name]))
        with torch.inference_mode(), trained.watched() as values:
            expected = module(tensor).numpy()
            with trained.unrounded():
                plain = module(tensor).numpy()
        got, *found = answers(watched, [feeds], optimized=False)
        wanted = [value.numpy() for value in values[: len(values) // 2]]
        if [each.shape for each in wanted] != [each.shape for each in found]:
            raise ParityError(f"the graph has {len(found)} 8-bit values, and the trained network {len(wanted)}", POST)
        for one, other in zip(wanted, found, strict=True):
            steps = np.abs(one.astype(np.int16) - other.astype(np.int16))
            counts += np.bincount(steps.ravel(), minlength=256)
        told.append((expected, plain, got, answers(model, [feeds])[0]))
    expected, plain, got, quick = (np.concatenate(each) for each in zip(*told, strict=True))
    noise = max(_size(expected - plain), _FINEST)
    proof = Proof(
        same=float(counts[0] / counts.sum()),
        within=float(counts[:2].sum() / counts.sum()),
        most=int(np.flatnonzero(counts)[-1]),
        answers=_size(got - expected) / noise,
        fused=_size(quick - got) / noise,
        decided=float((quick.argmax(axis=-1) == got.argmax(axis=-1)).mean()),
    )
    if proof.within < _SHARE or not proof.answers <= 1:
        raise ParityError(
            f"the exported graph is not the network trained in 8 bits: {proof.within:.1%} of its 8-bit values are"
            f" within a step, and its answers are {proof.answers:.2g} times as far off as rounding explains",
            POST,
        )
    return proof


def _watched(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model` with all its 8-bit values as outputs, as floats, in the order in which they are computed."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    for place in [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]:
        name = f"{place}:value"
        watched.graph.node.append(helper.make_node("Cast", [place], [name], to=TensorProto.FLOAT))
        watched.graph.output.append(helper.make_empty_tensor_value_info(name))
        watched.graph.output[-1].type.tensor_type.elem_type = TensorProto.FLOAT
    return watched


def _size(values: np.ndarray) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values.astype(np.float64)))))


def _integer_biases(model: onnx.ModelProto) -> None:
    """Write the biases of 8-bit layers as int32, of the scale their sums have: kernels take no others; in place."""
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in [each for each in graph.node if each.op_type in ("Conv", "Gemm") and len(each.input) == 3]:
        dequantized = [makers.get(name) for name in node.input[:2]]
        bias = values.get(node.input[2])
        if bias is None or any(each is None or each.op_type != "DequantizeLinear" for each in dequantized):
            continue
        scale = np.multiply(*(values[each.input[1]] for each in dequantized if each))
        steps = np.rint(bias.astype(np.float64) / scale)
        if np.abs(steps).max() > np.iinfo(np.int32).max:
            continue
        names = [f"{node.name}_bias", f"{node.name}_bias_scale"]
        graph.initializer.append(numpy_helper.from_array(steps.astype(np.int32), names[0]))
        graph.initializer.append(numpy_helper.from_array(scale, names[1]))
        axis: dict[str, Any] = {"axis": 0} if scale.ndim else {}
        node.input[2] = f"{names[0]}_float"
        graph.node.insert(
            0, helper.make_node("DequantizeLinear", names, node.input[2:], f"{names[0]}_dequantize", **axis)
        )
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
