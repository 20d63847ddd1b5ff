"""A class alone says little of how near two models are: a graph whose head is argmax is asked for its scores, too.

What ships stays as it is. For a proof it gets one output more, the tensor its first output was chosen by. No torch.
"""

from __future__ import annotations

from pathlib import Path

import onnx

from edgekit.errors import BundleError
from edgekit.graph import storage
from edgekit.runtime.session import Session, open_session

SCORES = "scores of class"  # so called in what is compared; no file that ships has it
_PASSING = ("Cast", "Identity", "Squeeze", "Reshape")  # what exporters put behind an ArgMax


def chooses(model: onnx.ModelProto) -> str | None:
    """Return the tensor that the first output of `model` is the ArgMax of; None where it is none of any."""
    makers = {name: node for node in model.graph.node for name in node.output}
    name, seen = model.graph.output[0].name, 0
    while name in makers and makers[name].op_type in _PASSING and seen < len(makers):
        name, seen = makers[name].input[0], seen + 1
    return str(makers[name].input[0]) if name in makers and makers[name].op_type == "ArgMax" else None


def told(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy of `model` with the scores as its last output; BundleError where its first is no ArgMax."""
    scores = chooses(model)
    if scores is None:
        raise BundleError(f'the output "{model.graph.output[0].name}" is not the ArgMax of a tensor')
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.node.append(onnx.helper.make_node("Identity", [scores], [SCORES], name=SCORES))
    copy.graph.output.append(onnx.helper.make_empty_tensor_value_info(SCORES))
    return copy


def open_told(graph: Path) -> Session:
    """Open a file so that it answers its scores, too."""
    with storage.as_file(told(storage.load(graph))) as path:
        return open_session(path)
