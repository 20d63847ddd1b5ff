"""`edgekit.export`: any PyTorch module becomes a bundle that is proved to answer as it does, or says where it does not.

A recipe's networks go the same way (`ladder.export`), with the judge around it.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from edgekit import __version__, hardware, manifest
from edgekit.errors import UsageError
from edgekit.exporting import bundle, ladder, scoring, signing, steadiness
from edgekit.exporting.asking import on_cpu
from edgekit.exporting.bundle import Written, check_folder, check_task
from edgekit.exporting.cases import Cases, split_ranges
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.exporting.formats import PLAIN, Form, reform
from edgekit.exporting.heads import Head
from edgekit.exporting.proof import of_module, tells
from edgekit.exporting.resizing import Resizing
from edgekit.exporting.rungs import Program
from edgekit.exporting.structure import annotated
from edgekit.exporting.telling import SCORES
from edgekit.manifest import Manifest
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor

_PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Shipped(Written):
    """A bundle that was written from a module, and how it was exported."""

    exported: ladder.Exported


@dataclass(frozen=True)
class Prepared:
    """What is going to be exported, once PyTorch has answered every case: the program, its cases, what to say of it.

    `notes`: what an app should know of the module itself (`steadiness.py`).
    """

    program: Program
    cases: Cases
    deployment: Deployment
    task: str
    seconds: float
    notes: tuple[str, ...] = ()


def export(
    module: nn.Module, example_inputs: Any = None, folder: str | Path = "bundle", *, name: str | None = None,
    source: Mapping[str, Any] | None = None, beside: Mapping[str, Path] | None = None,
    preprocessing: Mapping[str, Any] | None = None, licence: str = "", format: str = "onnx", precision: str = "fp32",
    verbose: bool = False, **said: Any,
) -> Shipped:  # fmt: skip
    """Export `module` to a bundle in `folder`, by the first exporter whose file answers as the module does.

    `example_inputs` and all that `prepare` takes say what goes in and out. `name` is the bundle's. `source`,
    `preprocessing` and `beside`: what more the manifest says of where the module is from and what it expects, and files
    that travel in the bundle, by their name there. `licence`: what the model may be used for.
    `format` and `precision` are a bundle's (`formats.py`). `verbose` shows what the exporters print.

    Raises ExportError where PyTorch fails by itself, or no exporter passes, with each one's reason; UsageError where
    what is said does not fit. Nothing is written then. The module is left as it is.
    """
    place, form = check_folder(Path(folder)), Form(format, precision)
    minimum = form.needs(said.get("min_onnxruntime"))
    module = on_cpu(module)
    with evaluating(module), tempfile.TemporaryDirectory() as temporary:
        prepared = prepare(module, example_inputs, **said)
        deployment, cases = prepared.deployment, prepared.cases
        target = Path(temporary) / manifest.MODEL
        done = ladder.climb(prepared.program, cases, target, verbose)
        done.notes = (*prepared.notes, *done.notes)
        phases = {"PyTorch": prepared.seconds, **done.phases}
        formed = None
        if form != PLAIN:
            began = time.monotonic()
            names = [tensor.name for tensor in prepared.program.outputs]
            names += [SCORES] if tells(prepared.program.module) else []
            right = of_module(prepared.program.module, names)
            formed = reform(target, form, cases, right, "PyTorch")
            phases[str(form)] = time.monotonic() - began
        began = time.monotonic()
        card = Manifest(
            name=name or place.name,
            task=prepared.task,
            inputs=list(prepared.program.inputs),
            outputs=open_session(target).outputs,
            labels=list(deployment.labels),
            preprocessing=deployment.preprocessing() | dict(preprocessing or {}),
            parity=(formed or done).parity.to_dict(),
            provenance={
                "made_by": "edgekit export",
                "source": dict(source or {"module": type(module).__name__}),
                **({"licence": licence} if licence else {}),
                "export": {"method": done.method, "failures": done.failures, "seconds": round(done.seconds, 2)}
                | {"head": str(deployment.head)}
                | ({"notes": list(done.notes)} if done.notes else {})
                | ({"nodes": done.slimmed.nodes, "bytes": done.slimmed.bytes} if done.slimmed else {}),
                **({"form": formed.to_dict()} if formed else {}),
                "versions": {"edgekit": __version__, **hardware.versions(_PACKAGES)},
            },
            requires={"onnxruntime": minimum or deployment.min_onnxruntime},
        )
        bundle.write(place, formed.model if formed else target, card, cases.at(cases.all()[0]), beside, form)
    phases["bundle"] = time.monotonic() - began
    return Shipped(place, Manifest.read(place), phases, formed, done)


def prepare(
    module: nn.Module,
    example_inputs: Any = None,
    *,
    inputs: Sequence[str | Tensor] = (),
    outputs: Sequence[str] = (),
    ranges: Mapping[str, tuple[float, float]] | None = None,
    mean: Sequence[float] = (),
    std: Sequence[float] = (),
    as_given: bool = False,
    resize: str = "",
    crop: str = "",
    head: str = "none",
    task: str = "custom",
    labels: Sequence[str] = (),
    targets: np.ndarray | None = None,
    min_onnxruntime: str = "1.20",
) -> Prepared:
    """Find what goes in and out of `module` by asking it every case of the proof; it is in evaluation mode already.

    `example_inputs`: what the module is called with, a tensor, a tuple, or a dict by parameter; the first axis is the
    batch. Seven or more examples are what the proof is held on; of fewer it takes the range of their values.
    `inputs`: instead, or to say more, a line for each, "ids: int64[N,T]": names are dynamic dimensions; "state.0" and
    "state.1" go in as the tuple `state`. `ranges`: the least and largest size of a dynamic dimension, {"T": (1, 128)},
    or value of an input, {"ids": (0, 30521)}. `outputs`: names, in the order of the module's answer.

    A uint8 input [N,H,W,C] is taken for an image: the graph makes floats in 0..1 of it, lays it [N,C,H,W], and
    normalises it by `mean` and `std`, unless `as_given`. `resize` "256" and `crop` "224" come before (`resizing.py`).
    `head` is what becomes of the module's first answer ("softmax", "top5", `heads.py`), whose classes have `labels`.
    `targets` are what the examples should be answered, for the metric that fits (`scoring.py`).
    """
    began = time.monotonic()
    check_task(task)
    for what, texts in {"inputs": inputs, "outputs": outputs, "labels": labels}.items():
        if isinstance(texts, str):
            raise UsageError(f'{what} are one text, "{texts}"', "give a list of texts")
    arrays = signing.examples(module, example_inputs) if example_inputs is not None else {}
    declared = [Tensor.parse(each) if isinstance(each, str) else each for each in inputs] or signing.told(arrays)
    declared = declared or annotated(module)
    if not declared:
        raise UsageError("no inputs are declared", 'say what goes in, such as "image: uint8[N,28,28,1]"')
    if twice := [each.name for at, each in enumerate(declared) if each.name in [d.name for d in declared[:at]]]:
        raise UsageError(f'two inputs have the name "{twice[0]}"', "give each one of its own")
    given, seen = signing.real(declared, arrays)
    sizes, values = split_ranges(ranges or {}, declared)
    deployment = _deployment(
        declared, tuple(mean), tuple(std), as_given, head, tuple(labels), min_onnxruntime, Resizing.read(resize, crop)
    )
    sides = deployment.sides()
    cases = Cases(declared, given, {**sides, **sizes}, {**seen, **values}, between=sides)
    deployed = Deployed(module, deployment, declared).eval()
    answers = ladder.ask(deployed, cases)
    notes = steadiness.check(deployed, cases, answers)
    _check_labels(labels, answers[0])
    answers[:1] = deployment.head.answered(answers[0])
    names = signing.name_outputs([each.name for each in answers], outputs, declared, task)
    answered = tuple(Tensor(each, tensor.dtype, tensor.shape) for each, tensor in zip(names, answers, strict=True))
    if targets is not None:
        cases.labelled = scoring.labelled(targets, answered, signing.count(given))
    program = Program(deployed, tuple(declared), answered, min_onnxruntime)
    return Prepared(program, cases, deployment, task, time.monotonic() - began, notes)


@contextlib.contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Have `module` in evaluation mode for as long as this lasts, and then each part of it as it was."""
    modes = {each: each.training for each in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for each, training in modes.items():
            each.training = training


def _deployment(
    declared: Sequence[Tensor], mean: tuple[float, ...], std: tuple[float, ...], as_given: bool, head: str,
    labels: tuple[str, ...], min_onnxruntime: str, resizing: Resizing,
) -> Deployment:  # fmt: skip
    images = [tensor for tensor in declared if tensor.dtype == "uint8" and len(tensor.shape) == 4]
    if len(images) > 1 and not as_given:
        raise UsageError(f"two inputs are images: {images[0]}, {images[1]}", "have them passed on as given")
    if (mean or std) and not images and len(declared) > 1:
        raise UsageError("mean and standard deviation of which input?", "only an image, or the only input, has them")
    if (mean or std) and as_given:
        raise UsageError("inputs that are passed on as given are not normalised", "leave mean and std out")
    if resizing and (as_given or not images):
        raise UsageError("no input is an image to resize or crop", 'declare one, such as "image: uint8[N,H,W,3]"')
    if any(value <= 0 for value in std):
        raise UsageError(f"a standard deviation is {min(std):g}", "it must be above 0")
    channels = (images or declared)[0].shape[-1:]
    for what, values in (("mean", mean), ("std", std)):
        if len(values) > 1 and isinstance(channels[0] if channels else "", int) and len(values) != channels[0]:
            raise UsageError(f"{what} has {len(values)} values for {channels[0]} channels", "give one, or one for each")
    plain = as_given or (len(declared) > 1 and not images)
    output = str(Head.read(head))
    return Deployment((images or declared)[0], output, labels, mean, std, min_onnxruntime, plain, resizing)


def _check_labels(labels: Sequence[str], answer: Tensor) -> None:
    if labels and (not answer.shape or answer.shape[-1] != len(labels)):
        raise UsageError(
            f"there are {len(labels)} labels, and the first output is [{','.join(map(str, answer.shape))}]",
            "give one for each place of its last axis",
        )
