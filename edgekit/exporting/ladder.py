"""The ladder: exporters tried in order; the first whose file passes the proof is taken."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from edgekit.errors import BundleError, EdgekitError, ExportError, StorageError
from edgekit.exporting import asking, recurrence
from edgekit.exporting.agreement import Parity, Tolerance
from edgekit.exporting.cases import BATCHES, Cases, extent
from edgekit.exporting.deployment import Deployed, Deployment
from edgekit.exporting.origin import Origin
from edgekit.exporting.proof import check_dimensions, prove
from edgekit.exporting.reasons import way_out, why
from edgekit.exporting.rungs import OPSET, RUNGS, Program, Rung
from edgekit.exporting.silence import silence
from edgekit.graph import cleaning, slimming, storage, tensors, versions
from edgekit.graph.slimming import Slimmed
from edgekit.signature import DTYPES, Tensor


@dataclass
class Exported:
    """A file that passed the proof: how it was made, in how many seconds, and which rungs failed why.

    `phases`: the seconds of each phase, those of all rungs together. `slimmed`: what slimming gained, where it did.
    `notes`: what one should know of the file, though it answered alike, a line for each.
    """

    method: str
    opset: int
    ir: int
    seconds: float
    parity: Parity
    failures: list[str] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    slimmed: Slimmed | None = None
    notes: tuple[str, ...] = ()


def export(
    network: nn.Module, deployment: Deployment, inputs: np.ndarray, target: Path, allowed: Tolerance | None = None
) -> Exported:
    """Export `network` in its deployment to `target`, proved on real `inputs` (n >= 7, as an app passes them).

    A network that says which `states` it keeps becomes a single step, however long `inputs` are (`recurrence.py`).
    `allowed` replaces the tolerance of each dtype. Raises ExportError that says in one line per rung why none passed.
    """
    if len(inputs) < max(BATCHES):
        raise ExportError(f"the proof needs {max(BATCHES)} examples, and there are {len(inputs)}")
    if not deployment.input.shape or not isinstance(deployment.input.shape[0], str):
        raise ExportError(f'"{deployment.input}" has no batch', "begin its shape with a name, such as N")
    kept = recurrence.states(network, deployment.input)
    if kept:
        deployment = recurrence.one_step(deployment)
    declared = [deployment.input, *kept]
    examples = recurrence.examples(network, deployment.input, kept, inputs)
    deployed = Deployed(network, deployment, declared).eval()
    cases = Cases(declared, examples)
    answers = ask(deployed, cases)
    if not kept and (len(answers) > 1 or answers[0].name):
        raise ExportError(f"the network answers {len(answers)} tensors, not one alone", "let it return its logits")
    scores = Tensor(deployment.output, answers[0].dtype, answers[0].shape)
    outputs = [*deployment.head.answered(scores), *recurrence.answered(kept, answers[1:])]
    return climb(
        Program(deployed, tuple(declared), tuple(outputs), deployment.min_onnxruntime), cases, target, allowed=allowed
    )


def ask(deployed: Deployed, cases: Cases) -> list[Tensor]:
    """Return what `deployed` answers, by the names of its network's answer, once it has answered every case.

    A dimension of an answer is dynamic where its size changes; it has the name of the dimension it changes with, or
    "_". Raises ExportError with PyTorch's own reason: where PyTorch fails no exporter can do better.
    """
    asked = [*cases.all(), _example(cases)]
    found = [_ask(deployed, cases, sizes) for sizes in asked]
    names = [[name for name, _ in answers] for answers in found]
    if any(each != names[0] or not each for each in names):
        told = " or ".join(sorted({f"{len(each)}" for each in names}))
        raise ExportError(f"the module answers {told} tensors", "let it answer as many always, and one at least")
    for name, value in found[0]:
        if (dtype := str(value.dtype).removeprefix("torch.")) not in DTYPES:
            called = f'the answer "{name}"' if name else "the answer"
            raise ExportError(
                f"{called} is {dtype}, which apps cannot take from an ONNX file",
                "answer torch.view_as_real of it" if value.is_complex() else "answer it as float32, with .float()",
            )
    dims = list(dict.fromkeys(dim for tensor in cases.inputs for dim in tensor.shape if isinstance(dim, str)))
    return [
        Tensor(name, str(value.dtype).removeprefix("torch."), _form([each[at][1] for each in found], asked, dims))
        for at, (name, value) in enumerate(found[0])
    ]


def _ask(deployed: Deployed, cases: Cases, sizes: dict[str, int]) -> list[tuple[str, torch.Tensor]]:
    try:
        with torch.inference_mode(), asking.plainly():
            return deployed.answers(*_tensors(cases, sizes))
    except EdgekitError:
        raise
    except Exception as error:
        said = ", ".join(f"{name} = {size}" for name, size in sizes.items())
        given = ", ".join(map(str, cases.inputs)) + (f" where {said}" if said else "")
        raise ExportError(
            f"PyTorch itself fails on an input {given}: {why(error, deployed.network)}",
            asking.advice(deployed.network),
        ) from error


def _form(answers: list[torch.Tensor], asked: list[dict[str, int]], dims: list[str]) -> tuple[int | str, ...]:
    """Return the shape of an answer over all cases."""
    form: list[int | str] = []
    for axis, size in enumerate(answers[0].shape):
        seen = [answer.shape[axis] if axis < answer.ndim else 0 for answer in answers]
        like = (dim for dim in dims if seen == [extent(dim, sizes) for sizes in asked])
        form.append(size if len(set(seen)) == 1 else next(like, "_"))
    return tuple(form)


def climb(
    program: Program, cases: Cases, target: Path, verbose: bool = False, allowed: Tolerance | None = None
) -> Exported:
    """Export `program` to `target` by the first rung whose file passes the proof on `cases`.

    Raises ExportError that says in one line per rung why none passed.
    """
    newest_ir = versions.reads(program.min_onnxruntime).ir
    example = _tensors(cases, _example(cases))
    failures: list[str] = []
    phases: dict[str, float] = {}
    for name, rung in _order(program.module).items():
        began = time.monotonic()
        try:
            with silence(verbose), asking.plainly():
                with _timed("export", phases):
                    origin = rung(program, example)
                with _timed("clean", phases):
                    model = cleaning.strip(origin.model)
                    model.ir_version = min(model.ir_version, newest_ir)
                    _declare(model, cases.inputs, program.outputs)
                    cleaning.check(model)
                    slimmed = slimming.slim(model)
                seconds = time.monotonic() - began
                with _timed("proof", phases):
                    parity, slimmed = _proved(program, cases, target, origin, model, slimmed, allowed)
        except StorageError:
            raise
        except Exception as error:  # an exporter may raise anything; the ladder's next rung is the answer
            failures.append(f"{name}: {why(error, program.module)}")
        else:
            return Exported(name, OPSET, model.ir_version, seconds, parity, failures, phases, slimmed, origin.notes)
    target.unlink(missing_ok=True)
    raise ExportError(
        "no exporter made a file that answers as PyTorch does" + _listed(failures),
        way_out(failures),
    )


def _order(module: nn.Module) -> dict[str, Rung]:
    """Put the rungs in order: but for the tracer, those after the first may write a recurrent layer out step by step.

    An LSTM over 96 steps, seen with torch 2.13: strict and decomposed took minutes and failed, the tracer 0.1 s.
    """
    if not any(isinstance(part, nn.RNNBase) for part in module.modules()):
        return RUNGS
    return {name: RUNGS[name] for name in ("dynamo", "tracer") if name in RUNGS} | RUNGS


def _listed(failures: Sequence[str]) -> str:
    """Write each reason on a line, after the rungs that failed for it."""
    rungs: dict[str, list[str]] = {}
    for failure in failures:
        name, _, reason = failure.partition(": ")
        rungs.setdefault(reason, []).append(name)
    return "".join(f"\n  {', '.join(names)}: {reason}" for reason, names in rungs.items())


def _proved(
    program: Program, cases: Cases, target: Path, origin: Origin, model: onnx.ModelProto, slimmed: Slimmed | None,
    allowed: Tolerance | None,
) -> tuple[Parity, Slimmed | None]:  # fmt: skip
    """Write and prove the slimmed model, or the one it was made from where that alone passes."""
    if slimmed:
        storage.save(slimmed.model, target)
        with contextlib.suppress(ExportError, BundleError):
            return prove(program.module, target, cases, allowed=allowed), slimmed
    storage.save(model, target)
    return prove(program.module, target, cases, origin=origin, allowed=allowed), None


def _example(cases: Cases) -> dict[str, int]:
    """Choose the sizes an exporter sees: none is 1, which exporters take for a constant, and few are the same."""
    sizes: dict[str, int] = {}
    for name, (low, high) in cases.ends.items():
        likely = (min(max(2, low), high),) if name == cases.batch else (high, *range(low, high))
        sizes[name] = next((size for size in likely if size > 1 and size not in sizes.values()), likely[0])
    return sizes


def _tensors(cases: Cases, sizes: dict[str, int]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(array.copy()) for array in cases.at(sizes).values())


def _declare(model: onnx.ModelProto, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
    """Give the graph the inputs that were declared, in order, and its outputs the names of what changes; in place.

    Exporters drop inputs that are left untouched, have names of their own for dimensions, and call constant in an
    answer what is not. Raises DimensionError where a dimension that was declared dynamic became a constant.
    """
    check_dimensions(inputs, tensors.inputs(model))
    declared = [_value_info(tensor) for tensor in inputs]
    del model.graph.input[:]
    model.graph.input.extend(declared)
    del model.graph.value_info[:]  # which the exporter's names and constants are in, too
    for value, tensor in zip(model.graph.output, outputs, strict=True):
        for dim, size in zip(value.type.tensor_type.shape.dim, tensor.shape, strict=False):
            if isinstance(size, str) and (size != "_" or dim.HasField("dim_value")):
                dim.dim_param = size


def _value_info(tensor: Tensor) -> onnx.ValueInfoProto:
    dtype = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(tensor.dtype))
    return onnx.helper.make_tensor_value_info(tensor.name, dtype, list(tensor.shape))


@contextlib.contextmanager
def _timed(phase: str, phases: dict[str, float]) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        phases[phase] = phases.get(phase, 0.0) + time.monotonic() - began
