"""Before anything is trained, all of a job is tried on a few examples, so that what does not fit shows at once."""

from __future__ import annotations

import traceback
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from edgekit.compression import widths
from edgekit.errors import EdgekitError, ModelError, RecipeError
from edgekit.recipe.schema import Distill, Prune
from edgekit.runtime import devices
from edgekit.runtime.feeds import describe
from edgekit.stages.job import Job, Network
from edgekit.training.batches import TorchBatch
from edgekit.training.objective import Supervised
from edgekit.training.randomness import seeded

_TRIED = 8  # examples


def rehearse(job: Job) -> dict[str, torch.Tensor]:
    """Have the job's networks answer a few examples, and its loss judge them; return the answers (b, ...) by network.

    Raises DeviceError where the device to measure on is not there, ModelError where a network or the loss fails or
    answers what cannot be used, RecipeError where a loss cannot teach what the networks answer.
    """
    import onnxruntime

    devices.providers(job.measure.device, onnxruntime.get_available_providers())
    networks = {who: network for who, network in (("teacher", job.teacher), ("student", job.student)) if network}
    settings = next(reversed(networks.values())).train
    with seeded(job.seed, 0):
        batch = next(iter(job.source(settings, 0).epoch(0)))
    batch = batch._replace(inputs=batch.inputs[:_TRIED], targets=batch.targets[:_TRIED])
    labels = len(job.deployment.labels)
    answers = {}
    for who, network in networks.items():
        name = f"the {who}, {network.identity.get('model') or network.identity['class']},"
        answers[who] = answer = _answer(name, network, batch.inputs)
        if labels and answer.shape[-1] != labels:
            raise ModelError(
                f"{name} answers {answer.shape[-1]} classes, and the data has {labels}",
                "give the network as many outputs as there are classes",
            )
    _check_teaching(job, answers)
    _check_loss(job, batch, answer)
    return answers


def _answer(name: str, network: Network, inputs: torch.Tensor) -> torch.Tensor:
    module = network.make().eval()
    if network.train.epochs and not any(parameter.requires_grad for parameter in module.parameters()):
        raise ModelError(f"{name} has no parameter to train", "unfreeze some, or train it for 0 epochs")
    if network.weights:
        try:
            widths.fit(module, load_file(network.weights), f'the weights in "{network.weights}"')
        except SafetensorError as error:
            said = f'"{network.weights}" is damaged, or no safetensors file at all: {error}'
            raise ModelError(said, "get it again, or leave weights out to train the teacher") from None
    try:
        with torch.no_grad():
            answer = module(inputs)
    except Exception as error:  # a network may raise anything
        raise ModelError(
            f"{name} fails on inputs {describe(inputs.numpy())}{_place(error)}: {_said(error)}",
            "the network's arguments are wrong, or it is not made for data of this form",
        ) from error
    if not isinstance(answer, torch.Tensor) or answer.ndim < 2 or len(answer) != len(inputs):
        told = describe(answer.numpy()) if isinstance(answer, torch.Tensor) else f"a {type(answer).__name__}"
        raise ModelError(f"{name} answers {told} to {len(inputs)} inputs", "let it return one tensor, a row per input")
    return answer


def _check_teaching(job: Job, answers: dict[str, torch.Tensor]) -> None:
    for name, stage in job.stages.items():
        if len(answers) < 2 or not isinstance(stage, Distill | Prune) or not stage.losses.soft_target.weight:
            continue
        taught, learned = (list(answers[who].shape[1:]) for who in ("teacher", "student"))
        if taught != learned:
            raise ModelError(
                f"the teacher answers {taught} to an input, and the student {learned}",
                "give both networks the same outputs",
            )
        if learned == [1]:
            raise RecipeError(
                f"stages.{name}: soft-target teaches nothing to networks that answer a single number",
                "losses: {soft-target: {weight: 0}, hard-label: {weight: 1}}",
            )


def _check_loss(job: Job, batch: TorchBatch, answer: torch.Tensor) -> None:
    given = f"outputs {describe(answer.numpy())} and targets {describe(batch.targets.numpy())}"
    wanted = "it takes outputs and targets, and returns the mean loss: a tensor of one number, with its gradient"
    try:
        loss, _ = Supervised(job.loss)(batch, answer.clone().requires_grad_())
        loss.item()
    except EdgekitError:
        raise
    except Exception as error:  # as may a loss
        raise ModelError(f"the loss fails on {given}{_place(error)}: {_said(error)}", wanted) from error
    if not loss.requires_grad:
        raise ModelError(f"the loss of {given} cannot be differentiated", wanted)


def _place(error: Exception) -> str:
    """Say where in the user's own code an error was raised."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename != __file__]
    own = [each for each in frames if not {"torch", "edgekit"} & set(Path(each.filename).parts)]
    return f" at {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
