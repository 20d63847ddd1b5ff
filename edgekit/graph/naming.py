"""The name of a model's input, so that models can be fed alike. Imports onnx only."""

from __future__ import annotations

from pathlib import Path

import onnx

from edgekit.graph import cleaning, storage


def with_input(path: Path, name: str) -> onnx.ModelProto:
    """Read a model of one input, and have it be called `name`; BundleError where it is damaged.

    Nothing inside is renamed, for bodies of If and Loop may use the old name too: an Identity leads to it, which
    onnxruntime takes out again.
    """
    model = storage.load(path)
    given = {each.name for each in model.graph.initializer}
    (input_,) = [each for each in model.graph.input if each.name not in given]
    if input_.name != name:
        model.graph.node.insert(0, onnx.helper.make_node("Identity", [name], [input_.name]))
        input_.name = name
        cleaning.check(model)
    return model
