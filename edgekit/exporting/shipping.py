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

from torch import nn

from edgekit import __version__, hardware, manifest
from edgekit.errors import StorageError, UsageError, nearest
from edgekit.exporting import bundle, ladder, signing
from edgekit.exporting.cases import Cases, split_ranges
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.exporting.rungs import Program
from edgekit.manifest import Manifest
from edgekit.runtime.session import open_session
from edgekit.signature import Tensor
from edgekit.tasks import PURPOSES

_PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Shipped:
    """A bundle that was written: its folder and card, how it was exported, and the seconds of each phase."""

    folder: Path
    card: Manifest
    exported: ladder.Exported
    phases: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Give what was done as JSON-ready values."""
        phases = {name: round(seconds, 3) for name, seconds in self.phases.items()}
        return {"bundle": str(self.folder), **self.card.to_dict(), "phases": phases}


@dataclass(frozen=True)
class Prepared:
    """What is going to be exported, once PyTorch has answered every case: the program, its cases, what to say of it."""

    program: Program
    cases: Cases
    deployment: Deployment
    task: str
    seconds: float


def export(
    module: nn.Module, example_inputs: Any = None, folder: str | Path = "bundle", *, name: str | None = None,
    source: Mapping[str, Any] | None = None, beside: Mapping[str, Path] | None = None,
    preprocessing: Mapping[str, Any] | None = None, verbose: bool = False, **said: Any,
) -> Shipped:  # fmt: skip
    """Export `module` to a bundle in `folder`, by the first exporter whose file answers as the module does.

    `example_inputs` and all that `prepare` takes say what goes in and out. `name` is the bundle's. `source`,
    `preprocessing` and `beside`: what more the manifest says of where the module is from and what it expects, and files
    that travel in the bundle, by their name there. `verbose` shows what the exporters print.

    Raises ExportError where PyTorch fails by itself, or no exporter passes, with each one's reason; UsageError where
    what is said does not fit. Nothing is written then. The module is left as it is.
    """
    place = check_folder(Path(folder))
    with evaluating(module), tempfile.TemporaryDirectory() as temporary:
        prepared = prepare(module, example_inputs, **said)
        deployment, cases = prepared.deployment, prepared.cases
        target = Path(temporary) / manifest.MODEL
        done = ladder.climb(prepared.program, cases, target, verbose)
        began = time.monotonic()
        card = Manifest(
            name=name or place.name,
            task=prepared.task,
            inputs=list(prepared.program.inputs),
            outputs=open_session(target).outputs,
            labels=list(deployment.labels),
            preprocessing=deployment.preprocessing() | dict(preprocessing or {}),
            parity=done.parity.to_dict(),
            provenance={
                "made_by": "edgekit export",
                "source": dict(source or {"module": type(module).__name__}),
                "export": {"method": done.method, "failures": done.failures, "seconds": round(done.seconds, 2)}
                | ({"nodes": done.slimmed.nodes, "bytes": done.slimmed.bytes} if done.slimmed else {}),
                "versions": {"edgekit": __version__, **hardware.versions(_PACKAGES)},
            },
            requires={"onnxruntime": deployment.min_onnxruntime},
        )
        bundle.write(place, target, card, cases.at(cases.all()[0]), beside)
    phases = {"PyTorch": prepared.seconds, **done.phases, "bundle": time.monotonic() - began}
    return Shipped(place, Manifest.read(place), done, phases)


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
    softmax: bool = False,
    task: str = "custom",
    labels: Sequence[str] = (),
    min_onnxruntime: str = "1.20",
) -> Prepared:
    """Find what goes in and out of `module` by asking it every case of the proof; it is in evaluation mode already.

    `example_inputs`: what the module is called with, a tensor, a tuple, or a dict by parameter; the first axis is the
    batch. Seven or more examples are what the proof is held on; of fewer it takes the range of their values.
    `inputs`: instead, or to say more, a line for each, "ids: int64[N,T]": names are dynamic dimensions; "state.0" and
    "state.1" go in as the tuple `state`. `ranges`: the least and largest size of a dynamic dimension, {"T": (1, 128)},
    or value of an input, {"ids": (0, 30521)}. `outputs`: names, in the order of the module's answer.

    A uint8 input [N,H,W,C] is taken for an image: the graph makes floats in 0..1 of it, lays it [N,C,H,W], and
    normalises it by `mean` and `std`, unless `as_given`. `softmax` makes probabilities of the first output.
    """
    began = time.monotonic()
    check_task(task)
    arrays = signing.examples(module, example_inputs) if example_inputs is not None else {}
    declared = [Tensor.parse(each) if isinstance(each, str) else each for each in inputs] or signing.told(arrays)
    if not declared:
        raise UsageError("no inputs are declared", 'say what goes in, such as "image: uint8[N,28,28,1]"')
    if twice := [each.name for at, each in enumerate(declared) if each.name in [d.name for d in declared[:at]]]:
        raise UsageError(f'two inputs have the name "{twice[0]}"', "give each one of its own")
    given, seen = signing.real(declared, arrays)
    sizes, values = split_ranges(ranges or {}, declared)
    cases = Cases(declared, given, sizes, {**seen, **values})
    deployment = _deployment(declared, tuple(mean), tuple(std), as_given, softmax, tuple(labels), min_onnxruntime)
    deployed = Deployed(module, deployment, declared).eval()
    answers = ladder.ask(deployed, cases)
    _check_labels(labels, answers[0])
    names = signing.name_outputs([each.name for each in answers], outputs, declared, task, softmax)
    answered = tuple(Tensor(each, tensor.dtype, tensor.shape) for each, tensor in zip(names, answers, strict=True))
    program = Program(deployed, tuple(declared), answered, min_onnxruntime)
    return Prepared(program, cases, deployment, task, time.monotonic() - began)


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
    declared: Sequence[Tensor], mean: tuple[float, ...], std: tuple[float, ...], as_given: bool, softmax: bool,
    labels: tuple[str, ...], min_onnxruntime: str,
) -> Deployment:  # fmt: skip
    images = [tensor for tensor in declared if tensor.dtype == "uint8" and len(tensor.shape) == 4]
    if len(images) > 1 and not as_given:
        raise UsageError(f"two inputs are images: {images[0]}, {images[1]}", "have them passed on as given")
    if (mean or std) and not images and len(declared) > 1:
        raise UsageError("mean and standard deviation of which input?", "only an image, or the only input, has them")
    if (mean or std) and as_given:
        raise UsageError("inputs that are passed on as given are not normalised", "leave mean and std out")
    if any(value <= 0 for value in std):
        raise UsageError(f"a standard deviation is {min(std):g}", "it must be above 0")
    channels = (images or declared)[0].shape[-1:]
    for what, values in (("mean", mean), ("std", std)):
        if len(values) > 1 and isinstance(channels[0] if channels else "", int) and len(values) != channels[0]:
            raise UsageError(f"{what} has {len(values)} values for {channels[0]} channels", "give one, or one for each")
    plain = as_given or (len(declared) > 1 and not images)
    output = "probabilities" if softmax else "logits"
    return Deployment((images or declared)[0], output, labels, mean, std, min_onnxruntime, as_given=plain)


def check_folder(folder: Path) -> Path:
    """Return `folder` if a bundle may be written there: where nothing is, an empty folder, or a bundle before it."""
    if folder.exists() and not (folder / manifest.FILE).is_file() and (folder.is_file() or any(folder.iterdir())):
        raise StorageError(f'"{folder}" is there, and is no bundle', "name a folder that is not there yet")
    return folder.resolve() if folder.name in ("", "..") else folder


def check_task(task: str) -> None:
    """Raise UsageError unless `task` is one that bundles are predicted for, or "custom"."""
    if task not in PURPOSES and task != "custom":
        near = nearest(task, [*PURPOSES, "custom"])
        hint = f'did you mean "{near}"?' if near else f"one of {', '.join(PURPOSES)}, custom"
        raise UsageError(f'there is no task "{task}"', hint)


def _check_labels(labels: Sequence[str], answer: Tensor) -> None:
    if labels and (not answer.shape or answer.shape[-1] != len(labels)):
        raise UsageError(
            f"there are {len(labels)} labels, and the first output is [{','.join(map(str, answer.shape))}]",
            "give one for each place of its last axis",
        )
