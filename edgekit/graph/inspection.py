"""What is in an ONNX file, whoever made it: signature, operators, parameters, MACs by layer. Imports onnx only."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import onnx
import onnx.shape_inference

from edgekit.graph import shapes, storage, tensors
from edgekit.graph.description import Description, Weight
from edgekit.graph.survey import Survey

LARGEST = 5
_NAMED = 3  # layers without a shape, in a note


def inspect(model: Path | onnx.ModelProto) -> Description:
    """Describe a model, with every dynamic dimension taken as 1; `Description` says what is told.

    `parameters` counts the elements of every constant that is used as a value: floating-point constants, and integers
    that are weights (behind a DequantizeLinear, of 8 bits or fewer, or fed to an integer operator). Not counted: single
    numbers, scales and zero points, shapes and indices, and the states that recurrent layers begin with. A weight that
    is used twice counts once, in the first layer that uses it. The bodies of If, Loop and Scan are counted once each.

    Raises BundleError where the file is no ONNX, or is damaged.
    """
    if isinstance(model, Path):
        return _described(storage.load(model, weights=False), model.parent, model.stat().st_size)
    return _described(model, None, storage.size(model))


def _described(model: onnx.ModelProto, folder: Path | None, size: int) -> Description:
    notes: list[str] = []
    whole = shapes.inlined(model)
    try:
        shaped = shapes.inferred(whole, folder)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        notes.append(f"shape inference failed: {(str(error).strip() or type(error).__name__).splitlines()[0]}")
        shaped = whole
    survey = Survey(whole, shaped)
    external = {name: _size(folder, name) for name in tensors.external(model)}
    missing = [name for name, found in external.items() if found is None]
    if folder and missing:
        notes.append(f"weights are missing: {', '.join(missing)}")
    unknown = [layer.name for layer in survey.layers if layer.macs is None]
    if unknown:
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        named = ", ".join(f'"{name}"' for name in unknown[:_NAMED])
        notes.append(f"MACs unknown for {named}{more}: a shape is not told, or does not fit")
    if survey.unseen:
        notes.append(f"not in the MACs: {_listed(survey.unseen)}")
    if survey.bodies:
        notes.append(f"the graphs inside {', '.join(sorted(survey.bodies))} are counted once each")
    known = sum(layer.macs or 0 for layer in survey.layers)
    inputs, outputs = tensors.inputs(model), tensors.outputs(model)
    domains = {entry.domain: entry.version for entry in model.opset_import}
    versions = [domains.pop(name) for name in tensors.STANDARD_NAMES if name in domains]
    return Description(
        inputs=[str(tensor) for tensor in inputs],
        outputs=[str(tensor) for tensor in outputs],
        dynamic=tensors.dynamic((*inputs, *outputs)),
        opset=versions[0] if versions else None,
        domains=domains,
        ir=model.ir_version,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        nodes=survey.operators.total(),
        operators=dict(survey.operators.most_common()),
        parameters=sum(layer.parameters for layer in survey.layers),
        macs=None if unknown or survey.unseen else known,
        macs_known=known,
        layers=survey.layers,
        largest=_largest(survey.constants),
        bytes=size + sum(found or 0 for found in external.values()),
        external=external,
        notes=notes,
        metadata={entry.key: entry.value for entry in model.metadata_props},
    )


def _largest(constants: list[tensors.Constant]) -> list[Weight]:
    found = sorted((each for each in constants if each.nbytes), key=lambda each: -each.nbytes)
    return [Weight(each.name, each.dtype, list(each.shape), each.nbytes) for each in found[:LARGEST]]


def _size(folder: Path | None, name: str) -> int | None:
    """Return the bytes of a file beside the model; None where it is missing, or lies elsewhere."""
    inside = not Path(name).is_absolute() and ".." not in Path(name).parts
    if folder is None or not inside or not (folder / name).is_file():
        return None
    return (folder / name).stat().st_size


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
